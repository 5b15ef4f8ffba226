import { expect } from 'chai'
import { dynamodbConnector } from '../../../lib/connectors/dynamodb/index.ts'
import type { TableKey } from '../../../lib/formats/dynamodb/keys.ts'
import type { Target } from '../../../lib/types.ts'
import { Ends, expectCode, fresh, overwrite, refusal, silent, skip, Stub } from './support.ts'
import type { StubAnswer, StubRequest } from './support.ts'

const keys: Readonly<Record<string, TableKey>> = {
  'a string': [{ name: '_id', type: 'S' }],
  'a number': [{ name: 'n', type: 'N' }],
  'bytes and a number': [
    { name: 'bytes', type: 'B' },
    { name: 'at', type: 'N' }
  ]
}
const ids: Readonly<Record<string, string>> = { 'a string': 'x', 'a number': '1', 'bytes and a number': 'AAAA|1' }

describe('dynamodb: whether a table takes writes', () => {
  let ends: Ends
  before(async () => {
    ends = await Ends.open()
  })
  after(() => ends.close())

  const open: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const end of open.splice(0).reverse()) await end.close()
  })

  async function stubbed(answer: (request: StubRequest) => StubAnswer | undefined): Promise<Target<Buffer>> {
    const stub = await Stub.start(answer)
    open.push(stub)
    const options = { endpoint: stub.endpoint, credentials: { accessKeyId: 'id', secretAccessKey: 'key' } }
    const target = (await dynamodbConnector.openTarget(options, { logger: silent })) as Target<Buffer>
    open.push(target)
    return target
  }

  for (const [what, key] of Object.entries(keys)) {
    it(`shows by something of which nothing stays: of a table whose key is ${what}`, async () => {
      const table = await ends.table(key)
      const _id = ids[what]!
      await ends.write(table, [{ _id, v: 1 }], overwrite)
      for (const options of [fresh, skip, overwrite]) await ends.target.takesWrites!(table, options)
      expect(await ends.target.get(table, [_id], { idsOnly: true })).to.deep.equal([{ _id }])
      expect((await ends.target.prepare(table, { create: false })).empty).to.equal(false)
    })
  }

  for (const [options, operation] of [
    [skip, 'TransactWriteItems'],
    [overwrite, 'BatchWriteItem']
  ] as const) {
    it(`asks by ${operation} where documents are written by it`, async () => {
      const target = await stubbed(request => (request.operation === operation ? { status: 500, body: {} } : undefined))
      await expectCode(target.takesWrites!('table', options), 'DOCFERRY_CONNECT')
    })
  }

  it('says that it asks for less', async () => {
    const unprocessed = { body: { UnprocessedItems: { table: [{}] } } }
    const target = await stubbed(({ operation }) => (operation === 'BatchWriteItem' ? unprocessed : undefined))
    await expectCode(target.takesWrites!('table', overwrite), 'DOCFERRY_THROTTLED')
  })

  it('does not let itself be asked by those who may write and not remove', async () => {
    const target = await stubbed(({ operation }) => (operation === 'TransactWriteItems' ? refusal('AccessDeniedException') : undefined))
    expect(await expectCode(target.takesWrites!('table', skip), 'DOCFERRY_PERMISSION')).to.include({ retryable: false })
  })
})
