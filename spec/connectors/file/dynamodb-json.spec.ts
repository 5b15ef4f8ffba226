import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { gunzipSync, gzipSync } from 'node:zlib'
import { PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import fc from 'fast-check'
import { fileConnector } from '../../../lib/connectors/file/index.ts'
import { suspendedOf } from '../../../lib/engine/output-stand.ts'
import { toDocument, toItem } from '../../../lib/formats/dynamodb/items.ts'
import { documentKey } from '../../../lib/formats/dynamodb/keys.ts'
import type { ItemJson } from '../../../lib/formats/dynamodb/values.ts'
import { Decimal, Timestamp, ValueSet } from '../../../lib/values/index.ts'
import type { Document } from '../../../lib/types.ts'
import { Ends } from '../dynamodb/support.ts'
import { migrate } from '../../support/migrate.ts'
import { anyDocument } from '../../values/arbitraries.ts'
import { failure, fill, makeLogger, put, readWhole, source, target, useFolder, writeWhole } from './support.ts'

const format = 'dynamodb-json'
const rich: Document = {
  _id: 'rich',
  digits: new Decimal('12345678901234567890.123456789012345678'),
  set: new ValueSet(['a', 'b']),
  bytes: new Uint8Array([0, 255]),
  time: new Timestamp(0, 5),
  list: [null, true, { $date: 'a look-alike' }],
  big: 9007199254740993n
}

describe('file: DynamoDB JSON', () => {
  const path = useFolder()

  it('is items a line and nothing else, and gives back what was written', async () => {
    for (const name of ['x.json', 'x.json.gz']) {
      await writeWhole({ path: path(name), format }, { table: [rich, { _id: 'b' }] })
      const bytes = await readFile(path(name))
      const lines = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().split('\n')
      expect(lines).to.have.length(3)
      expect(JSON.parse(lines[1]!)).to.deep.equal({ Item: { _id: { S: 'b' } } })
      expect(await readWhole({ path: path(name) }), name).to.deep.equal({ x: [rich, { _id: 'b' }] })
    }
  })

  it('gives back any document as a table gives it back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(anyDocument, { maxLength: 5, selector: ({ _id }) => _id }), async documents => {
        const held = documents.flatMap(document => {
          const item = toItem(documentKey, document)
          return 'code' in item ? [] : [{ document, expected: toDocument(documentKey, JSON.parse(item.json) as ItemJson) }]
        })
        await writeWhole({ path: path('x.json'), format, force: true }, { x: held.map(({ document }) => document) })
        expect(await readWhole({ path: path('x.json'), format })).to.deep.equal({ x: held.map(({ expected }) => expected) })
      }),
      { numRuns: 60 }
    )
  })

  it('is recognised by its first line, whatever its name, and read from a pipe', async () => {
    const bare = '{"_id":{"S":"1"},"n":{"N":"2"}}\n'
    for (const [name, text] of [
      ['a.json', `\n ${bare}`],
      ['b.ndjson', bare],
      ['c', `{"Item":${bare.trim()}}\n`]
    ] as const) {
      await writeFile(path(name), text)
      expect(Object.values(await readWhole({ path: path(name) })), name).to.deep.equal([[{ _id: '1', n: 2 }]])
    }
    const opened = await source({ path: '-', collection: 'c', stdin: Readable.from([gzipSync(bare)]) })
    const [partition] = await opened.partitions(null, { wanted: 1 })
    for await (const page of opened.read(partition!, {})) expect(page.documents).to.deep.equal([{ _id: '1', n: 2 }])
  })

  it('is not recognised where the user says that it is something else', async () => {
    await writeFile(path('a.json'), '{"Item":{"_id":{"S":"1"}}}\n')
    expect(await readWhole({ path: path('a.json'), format: 'ndjson' })).to.deep.equal({ a: [] })
  })

  it('takes no ordinary documents for items', async () => {
    const text = '{"_id":"1","Item":{"S":"x"}}\n{"Item":{"_id":{"S":"2"}},"_id":"2"}\n'
    await writeFile(path('a.ndjson'), text)
    expect((await readWhole({ path: path('a.ndjson') }))['a']).to.have.length(2)
  })

  it('goes on in the middle of a file', async () => {
    const documents = Array.from({ length: 7 }, (_, number) => ({ _id: `${number}` }))
    for (const name of ['x.json', 'x.json.gz']) {
      await writeWhole({ path: path(name), format }, { x: documents })
      const opened = await source({ path: path(name) })
      const [partition] = await opened.partitions(null, { wanted: 1 })
      for await (const first of opened.read(partition!, { pageSize: 3 })) {
        const rest: Document[] = []
        for await (const page of opened.read(partition!, { after: first.cursor })) rest.push(...page.documents)
        expect(rest).to.deep.equal(documents.slice(documents.findIndex(({ _id }) => _id === first.documents.at(-1)!._id) + 1))
      }
    }
  })

  it('asks for the key of items that have no _id, before anything is read', async () => {
    await writeFile(path('a.json'), '{"Item":{"pk":{"S":"1"},"sk":{"N":"7"}}}\n')
    const opened = await source({ path: path('a.json') })
    const { code, message } = await failure(opened.collections({}))
    expect(code).to.equal('DOCFERRY_CONFIG')
    expect(message).to.match(/--key pk,sk .*"pk", "sk"/)
    expect(await readWhole({ path: path('a.json'), key: 'pk,sk' })).to.deep.equal({ a: [{ _id: '1|7', pk: '1', sk: 7 }] })
  })

  it('writes items of a table with another key', async () => {
    const document = { _id: 'a|7', pk: 'a', sk: 7, n: 1 }
    await writeWhole({ path: path('a.json'), format, key: 'pk,sk:N' }, { a: [document] })
    expect(JSON.parse(await readFile(path('a.json'), 'utf8'))).to.deep.equal({ Item: { pk: { S: 'a' }, sk: { N: '7' }, n: { N: '1' } } })
    expect(await readWhole({ path: path('a.json'), key: 'pk,sk' })).to.deep.equal({ a: [document] })
  })

  it('refuses what DynamoDB would refuse', async () => {
    const opened = await target({ path: path('a.json'), format })
    await opened.prepare('a', { create: true })
    for (const [document, code] of [
      [{ _id: 'x', text: 'y'.repeat(409_600) }, 'DOCFERRY_TOO_LARGE'],
      [{ _id: 'x'.repeat(2_049) }, 'DOCFERRY_BAD_ID'],
      [{ _id: '' }, 'DOCFERRY_BAD_ID'],
      [{ _id: 'x', '': 1 }, 'DOCFERRY_BAD_FIELD']
    ] as const) {
      expect(opened.encode('a', document)).to.include({ code })
    }
    await opened.close()
  })

  it('takes one collection in a file, and says where several go', async () => {
    const opened = await target({ path: path('a.json'), format })
    const { code, message } = await failure(fill(opened, { a: [], b: [] }))
    expect(code).to.equal('DOCFERRY_CONFIG')
    expect(message).to.include('write a folder')
    await opened.close()
    expect(await readdir(path())).to.deep.equal([])
  })

  describe('in a folder', () => {
    it('is an export of each table as DynamoDB writes it, which reading checks', async () => {
      await writeWhole({ path: path('x/'), format }, { agents: [rich], 'a/b': [{ _id: '1' }], empty: [] })
      expect(await readdir(path('x'))).to.deep.equal(['AWSDynamoDB'])
      expect((await readdir(path('x/AWSDynamoDB'))).sort()).to.deep.equal(['a%2Fb', 'agents', 'empty'])
      expect(await readWhole({ path: path('x') })).to.deep.equal({ 'a/b': [{ _id: '1' }], agents: [rich], empty: [] })
      await writeFile(path('x/AWSDynamoDB/agents/data/agents.json.gz'), gzipSync('{"Item":{"_id":{"S":"other"}}}\n'))
      expect((await failure(readWhole({ path: path('x') }))).code).to.equal('DOCFERRY_DECODE')
    })

    it('is gone on with where it was suspended', async () => {
      const first = await target({ path: path('x/'), format })
      await fill(first, { a: [{ _id: '1' }], b: [] })
      const resume = suspendedOf((await first.suspend!())!)
      await put(first, 'a', [{ _id: 'lost' }])
      await first.close()
      const again = await fileConnector.openTarget(
        { path: path('x/'), format },
        { logger: makeLogger(), resume: JSON.parse(JSON.stringify(resume)) as Record<string, unknown> }
      )
      for (const name of ['a', 'b']) await again.prepare(name, { create: true })
      await put(again, 'a', [{ _id: '2' }])
      await again.commit({})
      await again.close()
      expect(await readWhole({ path: path('x') })).to.deep.equal({ a: [{ _id: '1' }, { _id: '2' }], b: [] })
    })

    it('is replaced as a whole with force, and nothing else is', async () => {
      await writeWhole({ path: path('x/'), format }, { a: [{ _id: '1' }] })
      expect((await failure(target({ path: path('x/'), format }))).code).to.equal('DOCFERRY_OUTPUT_EXISTS')
      await writeWhole({ path: path('x/'), format, force: true }, { b: [{ _id: '2' }] })
      expect(await readWhole({ path: path('x') })).to.deep.equal({ b: [{ _id: '2' }] })
      await mkdir(path('x/AWSDynamoDB/b/notes'))
      expect((await failure(target({ path: path('x/'), format, force: true }))).code).to.equal('DOCFERRY_OUTPUT_EXISTS')
    })
  })

  describe('and a table', () => {
    let ends: Ends
    before(async function () {
      this.timeout(60_000)
      ends = await Ends.open()
    })
    after(() => ends.close())

    async function itemsOf(table: string): Promise<Record<string, AttributeValue>[]> {
      const { Items: items = [] } = await ends.client.send(new ScanCommand({ TableName: table, ConsistentRead: true }))
      return items.sort((a, b) => (a['_id']!.S! < b['_id']!.S! ? -1 : 1))
    }

    it('holds the same items whether they are put from the file’s lines, as ImportTable does, or by docferry', async () => {
      const [byLines, byDocferry] = [await ends.table(), await ends.table()]
      const documents = [rich, { _id: 'n', exact: 1.5, none: null, map: { a: { b: [] } } }, { _id: 'z', '$%a': 1 }]
      await writeWhole({ path: path('x.json'), format }, { [byDocferry]: documents })
      const lines = (await readFile(path('x.json'), 'utf8')).trimEnd().split('\n')
      for (const line of lines) {
        const { Item } = JSON.parse(line, (name, value: unknown) => (name === 'B' ? Buffer.from(value as string, 'base64') : value)) as {
          Item: Record<string, AttributeValue>
        }
        await ends.client.send(new PutItemCommand({ TableName: byLines, Item }))
      }
      const report = await migrate({
        source: { connector: 'file', options: { path: path('x.json'), collection: byDocferry } },
        target: { connector: 'dynamodb', options: ends.options }
      })
      expect(report.collections[0]!).to.include({ read: 3, written: 3, failed: 0 })
      expect(await itemsOf(byDocferry)).to.deep.equal(await itemsOf(byLines))
    })
  })
})
