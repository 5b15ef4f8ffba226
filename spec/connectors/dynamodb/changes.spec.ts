import { expect } from 'chai'
import { dynamodbConnector } from '../../../lib/connectors/dynamodb/index.ts'
import type { TableKey } from '../../../lib/formats/dynamodb/keys.ts'
import type { ItemJson } from '../../../lib/formats/dynamodb/values.ts'
import type { Change, ChangeOutcome, Document, Encoded, Held, Target } from '../../../lib/types.ts'
import { canonicalBytes, Timestamp } from '../../../lib/values/index.ts'
import { byId, Ends, expectCode, overwrite, refusal, silent, skip, Stub } from './support.ts'
import type { StubAnswer, StubRequest } from './support.ts'

type Changing = Required<Target<Buffer>>

const pair: TableKey = [
  { name: 'tenant', type: 'S' },
  { name: 'at', type: 'N' }
]
const codeOf = (outcome: ChangeOutcome | undefined): string | undefined => (typeof outcome === 'object' ? outcome.code : outcome)
const removal = (seen: Held): Change<Buffer> => ({ seen })

describe('dynamodb: changes', () => {
  let ends: Ends
  let target: Changing
  before(async () => {
    ends = await Ends.open()
    target = ends.target as Changing
  })
  after(() => ends.close())

  const open: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const end of open.splice(0).reverse()) await end.close()
  })

  async function stubOf(
    script: (request: StubRequest, count: number) => StubAnswer | undefined
  ): Promise<{ readonly stub: Stub; readonly target: Changing }> {
    const stub = await Stub.start(script)
    open.push(stub)
    const options = { endpoint: stub.endpoint, credentials: { accessKeyId: 'id', secretAccessKey: 'key' } }
    const stubbed = (await dynamodbConnector.openTarget(options, { logger: silent })) as Changing
    open.push(stubbed)
    return { stub, target: stubbed }
  }

  it('changes documents of a table with two keys of its own', async () => {
    const table = await ends.table(pair)
    await ends.write(
      table,
      ['a|1', 'a|2', 'b%7C|3'].map(_id => ({ _id, n: 'old' })),
      overwrite
    )
    const [first, second, third] = byIdOf(await target.look(table, ['a|1', 'a|2', 'b%7C|3', 'not a key'], {}))
    const [put] = ends.encode(table, [{ _id: 'a|2', n: 'new' }])
    await ends.write(table, [{ _id: 'b%7C|3', n: 'of somebody else' }], overwrite)
    expect(
      await target.change(table, [removal(first!), { seen: second!, put: put as Encoded<Buffer> }, removal(third!)], {})
    ).to.deep.equal(['done', 'done', 'changed'])
    expect(byId(await ends.read(table)).map(({ _id, n }) => [_id, n])).to.deep.equal([
      ['a|2', 'new'],
      ['b%7C|3', 'of somebody else']
    ])
  })

  it('tells beforehand the key’s own fields, which such a table adds', async () => {
    const table = await ends.table(pair)
    const document: Document = { _id: 'a|1', day: new Timestamp(1, 2), other: 1.5 }
    await ends.write(table, [document], skip)
    const [held] = (await target.get(table, ['a|1'], {})) ?? []
    expect(held).to.include({ tenant: 'a', at: 1 })
    expect(canonicalBytes(target.readBack(table, document))).to.deep.equal(canonicalBytes(held as Document))
  })

  it('compares as many attributes as a condition may hold', async () => {
    const { stub, target: stubbed } = await stubOf(() => undefined)
    const broad: ItemJson = Object.fromEntries([['_id', { S: 'a' }], ...Array.from({ length: 400 }, (_, i) => [`f${i}`, { N: String(i) }])])
    await stubbed.change('agents', [removal({ document: { _id: 'a' }, version: broad })], {})
    const [action] = bodyOf(stub, 'TransactWriteItems').TransactItems as [{ Delete: Record<string, unknown> }]
    const { ConditionExpression, ExpressionAttributeNames, ExpressionAttributeValues, Key } = action.Delete
    expect(Key).to.deep.equal({ _id: { S: 'a' } })
    expect(ConditionExpression)
      .to.be.a('string')
      .and.match(/^attribute_exists\(#k\) AND #0=:0 AND /)
    expect(Buffer.byteLength(ConditionExpression as string)).to.be.at.most(4_096)
    expect((ConditionExpression as string).match(/=|AND|attribute_exists/g)).to.have.length.within(295, 300)
    expect(Object.keys(ExpressionAttributeNames as object)).to.have.length(150)
    expect(Object.keys(ExpressionAttributeValues as object)).to.have.length(149)
  })

  it('takes out of a transaction what was changed, and sends the rest again', async () => {
    const reasons = ['None', 'ConditionalCheckFailed', 'TransactionConflict', 'ItemCollectionSizeLimitExceeded']
    const { stub, target: stubbed } = await stubOf(({ operation }, count) => {
      if (operation !== 'TransactWriteItems' || count > 0) return undefined
      return refusal('TransactionCanceledException', 'cancelled', { CancellationReasons: reasons.map(Code => ({ Code })) })
    })
    const outcomes = await stubbed.change('agents', some(4), {})
    expect(outcomes.map(codeOf)).to.deep.equal(['done', 'changed', 'DOCFERRY_THROTTLED', 'DOCFERRY_REFUSED'])
    expect(outcomes[2]).to.include({ retryable: true })
    expect(stub.count('TransactWriteItems')).to.equal(2)
  })

  it('changes alone, with the condition, what no transaction takes', async () => {
    const { target: stubbed } = await stubOf(({ operation, body }) => {
      if (operation === 'TransactWriteItems') return refusal('ValidationException', 'One or more parameter values were invalid')
      if (operation !== 'DeleteItem') return undefined
      expect(body.ConditionExpression).to.equal('attribute_exists(#k) AND #0=:0')
      const { S: id } = (body.Key as { _id: { S: string } })._id
      return id === 'd1' ? refusal('ConditionalCheckFailedException') : { body: {} }
    })
    expect(await stubbed.change('agents', some(3), {})).to.deep.equal(['done', 'changed', 'done'])
  })

  it('throws what may be tried again when everything is throttled', async () => {
    const { target: stubbed } = await stubOf(({ operation }) =>
      operation === 'TransactWriteItems' ? refusal('ProvisionedThroughputExceededException') : undefined
    )
    expect(await expectCode(stubbed.change('agents', some(3), {}), 'DOCFERRY_THROTTLED')).to.include({ retryable: true })
  })

  describe('removing a table', () => {
    it('waits until it is gone', async () => {
      const { stub, target: stubbed } = await stubOf(({ operation }, count) => {
        if (operation === 'DeleteTable') return { body: {} }
        if (operation !== 'DescribeTable') return undefined
        return count < 2
          ? { body: { Table: { TableStatus: 'DELETING', KeySchema: [{ AttributeName: '_id', KeyType: 'HASH' }] } } }
          : missing
      })
      expect(await stubbed.dropCollection('agents', {})).to.equal(true)
      expect(stub.count('DescribeTable')).to.equal(3)
    })

    it('counts one as removed whose removal was not answered', async () => {
      let removed = false
      const { stub, target: stubbed } = await stubOf(({ operation }, count) => {
        if (operation === 'DescribeTable' && removed) return missing
        if (operation !== 'DeleteTable') return undefined
        removed = true
        return count === 0 ? response => response.destroy() : missing
      })
      expect(await stubbed.dropCollection('agents', {})).to.equal(true)
      expect(stub.count('DeleteTable')).to.equal(2)
    })

    it('never asks to remove one that holds something', async () => {
      const { stub, target: stubbed } = await stubOf(({ operation }) =>
        operation === 'Scan' ? { body: { Items: [{ _id: { S: 'a' } }], Count: 1 } } : undefined
      )
      expect(await stubbed.dropCollection('agents', {})).to.equal(false)
      expect(bodyOf(stub, 'Scan')).to.include({ ConsistentRead: true, Limit: 1 })
      expect(stub.count('DeleteTable')).to.equal(0)
    })

    it('says that it is protected', async () => {
      const { target: stubbed } = await stubOf(({ operation }) =>
        operation === 'DeleteTable'
          ? refusal(
              'ValidationException',
              'Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.'
            )
          : undefined
      )
      const { message } = await expectCode(stubbed.dropCollection('agents', {}), 'DOCFERRY_TARGET')
      expect(message).to.contain('agents: the table is protected against deletion')
    })
  })
})

const missing = refusal('ResourceNotFoundException')

function bodyOf(stub: Stub, operation: string): Record<string, unknown> {
  return stub.requests.find(request => request.operation === operation)?.body ?? {}
}

/** Removals of documents with one field. */
function some(count: number): Change<Buffer>[] {
  return Array.from({ length: count }, (_, index) => {
    const version: ItemJson = { _id: { S: `d${index}` }, n: { N: '1' } }
    return { seen: { document: { _id: `d${index}`, n: 1 }, version } }
  })
}

function byIdOf(held: readonly Held[]): Held[] {
  return [...held].sort((a, b) => (a.document._id < b.document._id ? -1 : 1))
}
