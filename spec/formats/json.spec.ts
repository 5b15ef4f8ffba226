import { expect } from 'chai'
import { readJson } from '../../lib/formats/json.ts'
import type { ReadOptions } from '../../lib/formats/page-builder.ts'
import type { Page } from '../../lib/types.ts'
import { maxDepth, stringifyJson } from '../../lib/values/index.ts'
import type { Value } from '../../lib/values/index.ts'
import { documentsOf, idsOf, inChunks, pathsOf, readAll } from './bytes.ts'

function read(
  text: Buffer | string,
  options: Partial<ReadOptions> & { readonly size?: number } = {}
): Promise<{ readonly pages: Page[]; readonly error?: unknown }> {
  const { size = 64 << 10, ...rest } = options
  return readAll(readJson(inChunks(text, size), { name: 'backup.json', collection: null, wanted: null, ...rest }))
}

const rejectsOf = (pages: readonly Page[]) => pages.flatMap(page => page.rejects ?? [])
const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code
const messageOf = (error: unknown): string => (error as Error).message

// What Gofannon's script writes: Python 3.11, json.dump(backup, file, indent=2, default=str).
const recorded = `{
  "metadata": {
    "provider": "couchdb",
    "exported_at": "2025-11-03T09:21:07.482913",
    "collections": [
      "users",
      "demos",
      "tickets"
    ]
  },
  "data": {
    "users": [
      {
        "_id": "user_google_1234",
        "basic_info": {
          "display_name": "Zo\\u00eb \\ud83d\\ude00",
          "email": "zoe@example.com"
        },
        "usage_info": {
          "monthly_allowance": 100.0,
          "spend_remaining": 87.5,
          "tiny": 1e-07,
          "usage": []
        },
        "api_keys": {}
      },
      {
        "_id": "user_2",
        "seen": 12345678901234567890,
        "nothing": null,
        "admin": true
      }
    ],
    "demos": [],
    "tickets": [
      {
        "_id": "ticket_1"
      }
    ]
  }
}`

describe('formats: JSON', () => {
  it("reads what Python's json.dump wrote, in pieces of every size", async () => {
    const { pages: expected } = await read(recorded)
    expect(pathsOf(expected)).to.deep.equal(['users/user_google_1234', 'users/user_2', 'tickets/ticket_1'])
    const [first, second] = documentsOf(expected)
    expect(first?.basic_info).to.deep.equal({ display_name: 'Zoë 😀', email: 'zoe@example.com' })
    expect(Number((first as unknown as { usage_info: { monthly_allowance: unknown } }).usage_info.monthly_allowance)).to.equal(100)
    expect(second).to.deep.equal({ _id: 'user_2', seen: 12345678901234567890n, nothing: null, admin: true })
    for (let size = 1; size < 64; size++) {
      const { pages, error } = await read(recorded, { size })
      expect(error).to.equal(undefined)
      expect(documentsOf(pages), `pieces of ${size}`).to.deep.equal(documentsOf(expected))
    }
  })

  it('reads an export without metadata, with members in another order, and with others', async () => {
    expect(pathsOf((await read('{"data":{"a":[{"_id":"1"}]}}')).pages)).to.deep.equal(['a/1'])
    const text = '{"note":{"data":[{"_id":"no"}]},"data":{"a":[{"_id":"1"}]},"metadata":{"collections":["a"]},"version":[1,[2]]}'
    expect(pathsOf((await read(text)).pages)).to.deep.equal(['a/1'])
  })

  it('reads a plain list, under the name it is given', async () => {
    expect(pathsOf((await read('\ufeff [{"_id":"1"},\n{"_id":"2"}]\n', { collection: 'cities' })).pages)).to.deep.equal([
      'cities/1',
      'cities/2'
    ])
    expect(codeOf((await read('[{"_id":"1"}]')).error)).to.equal('DOCFERRY_CONFIG')
    expect((await read('[]', { collection: 'cities' })).error).to.equal(undefined)
  })

  it('yields only what is wanted, tells of every collection, and never forgets one', async () => {
    const sections: string[] = []
    const { pages, error } = await read(recorded, {
      wanted: ['tickets'],
      listed: ['users', 'demos', 'tickets'],
      onSection: name => sections.push(name)
    })
    expect(error).to.equal(undefined)
    expect(pathsOf(pages)).to.deep.equal(['tickets/ticket_1'])
    expect(sections).to.deep.equal(['users', 'demos', 'tickets'])
    expect(codeOf((await read(recorded, { wanted: ['users', 'demos'], listed: ['users', 'demos'] })).error)).to.equal('DOCFERRY_DECODE')
  })

  it('says of a collection that its metadata lists and that is not there, unless others were asked for', async () => {
    const text = '{"metadata":{"collections":["a","b"]},"data":{"a":[{"_id":"1"}]}}'
    for (const wanted of [null, ['a', 'b']]) {
      const { pages, error } = await read(text, { wanted, listed: ['a', 'b'] })
      expect(pathsOf(pages)).to.deep.equal(['a/1'])
      expect(codeOf(error)).to.equal('DOCFERRY_DECODE')
      expect((error as Error).message)
        .to.include('"b"')
        .and.not.include('"a"')
    }
    expect((await read(text, { wanted: ['a'], listed: ['a', 'b'] })).error).to.equal(undefined)
  })

  it('reports what is no document with its place, and goes on', async () => {
    const { pages, error } = await read('{"data":{"a":[null,{"_id":"1"},[1],{"id":"x"},{"_id":7},"text",{"_id":"2"}]}}')
    expect(error).to.equal(undefined)
    expect(idsOf(pages)).to.deep.equal(['1', '2'])
    expect(rejectsOf(pages).map(({ message, where, raw }) => [message, where, raw])).to.deep.equal([
      ['no JSON object', 'data["a"][0]', 'null'],
      ['no JSON object', 'data["a"][2]', '[1]'],
      ['it has no _id', 'data["a"][3]', '{"id":"x"}'],
      ['its _id is no string', 'data["a"][4]', '{"_id":7}'],
      ['no JSON object', 'data["a"][5]', '"text"']
    ])
  })

  it('keeps __proto__ keys, numbers without loss, and decodes envelopes', async () => {
    const text =
      '{"data":{"__proto__":[{"_id":"1","__proto__":{"x":[-0,1.0,1e400]},"t":{"$date":"2026-01-01T00:00:00.5Z"},"l":{"$literal":{"$date":"x"}}}]}}'
    const { pages } = await read(text)
    expect(pathsOf(pages)).to.deep.equal(['__proto__/1'])
    const [document] = documentsOf(pages)
    expect(Object.keys(document ?? {})).to.deep.equal(['_id', '__proto__', 't', 'l'])
    expect(document?.t).to.include({ nanoseconds: 500_000_000 })
  })

  it('reports a document with invalid UTF-8, and no other', async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"data":{"a":[{"_id":"1"},{"_id":"2","x":"é'),
      Buffer.of(0xc3),
      Buffer.from('"},{"_id":"3"}]}}')
    ])
    for (const size of [1, 2, 3, 1000]) {
      const { pages, error } = await read(bytes, { size })
      expect(error).to.equal(undefined)
      expect(idsOf(pages)).to.deep.equal(['1', '3'])
      expect(rejectsOf(pages).map(({ message, where, id }) => [message, where, id])).to.deep.equal([
        ['not valid UTF-8', 'data["a"][1]', '2']
      ])
    }
    expect(codeOf((await read(Buffer.concat([Buffer.from('{"da'), Buffer.of(0xff)]))).error)).to.equal('DOCFERRY_DECODE')
  })

  it('reports a document that is nested too deep', async () => {
    const { pages, error } = await read(`{"data":{"a":[{"_id":"1","x":${'['.repeat(5000)}${']'.repeat(5000)}},{"_id":"2"}]}}`)
    expect(error).to.equal(undefined)
    expect(idsOf(pages)).to.deep.equal(['2'])
    expect(rejectsOf(pages).map(({ code }) => code)).to.deep.equal(['DOCFERRY_TOO_DEEP'])
  })

  it('takes a document that is nested as deep as one may be, and is written', async () => {
    const deepest = `{"_id":"1","a":${'['.repeat(maxDepth)}${']'.repeat(maxDepth)}}`
    const { pages } = await read(`{"data":{"a":[${deepest},${deepest.replace('[', '[[').replace(']', ']]')}]}}`)
    expect(documentsOf(pages).map(document => stringifyJson(document as Value))).to.deep.equal([deepest])
    expect(rejectsOf(pages).map(({ code }) => code)).to.deep.equal(['DOCFERRY_TOO_DEEP'])
  })

  it('keeps the text of a document that is nested too deep, envelopes and digits as they stood', async () => {
    const text = `{"_id":"1","x":${'[{"a":'.repeat(20_000)}1.0${'}]'.repeat(20_000)},"at":{"$date":"2026-01-01T00:00:00Z"},"n":12345678901234567890}`
    const { pages } = await read(`{"data":{"a":[${text},{"_id":"2"}]}}`)
    expect(rejectsOf(pages)[0]).to.include({ id: '1', raw: text })
  })

  it('says at every cut that the file was cut, behind the documents before it', async () => {
    for (let length = 0; length < recorded.length; length++) {
      const { pages, error } = await read(recorded.slice(0, length))
      expect(codeOf(error), `cut at ${length}: ${(error as Error | undefined)?.message}`).to.equal('DOCFERRY_FILE_CUT')
      const closed = recorded.slice(0, length).match(/\n {6}\}/g)?.length ?? 0
      expect(idsOf(pages)).to.have.length(closed)
    }
  })

  it('says where garbage stands, behind the documents before it', async () => {
    const lines = recorded.split('\n')
    const line = lines.findIndex(text => text.includes('"seen"'))
    lines[line] = '        oops,'
    const { pages, error } = await read(lines.join('\n'))
    expect(codeOf(error)).to.equal('DOCFERRY_DECODE')
    const byte = lines.slice(0, line).join('\n').length + 9
    expect(messageOf(error))
      .to.include(`line ${line + 1}, byte ${byte}, in data["users"][1]`)
      .and.not.include('oops')
    expect(idsOf(pages)).to.deep.equal(['user_google_1234'])
  })

  it('names the line of an error where each document has a line', async () => {
    const documents = Array.from({ length: 200 }, (_, number) => `{"_id":"${number}","text":"${'x'.repeat(300)}"}`)
    documents[150] = '{"_id":"150","text":oops}'
    const { error } = await read(`[\n${documents.join(',\n')}\n]`, { collection: 'c' })
    expect(messageOf(error)).to.include('line 152,')
  })

  it("says what is wrong with Python's NaN", async () => {
    const { error } = await read('{"data":{"a":[{"_id":"1","cost":NaN}]}}')
    expect(codeOf(error)).to.equal('DOCFERRY_DECODE')
    expect(messageOf(error)).to.include('$numberDouble')
  })

  it('refuses what is JSON and no export', async () => {
    for (const text of ['{}', '{"metadata":{}}', '5', '{"data":[]}', '{"data":{"a":{}}}', '{"data":{"a":[]}} x', '[] []']) {
      expect(codeOf((await read(text, { collection: 'c' })).error), text).to.equal('DOCFERRY_DECODE')
    }
  })

  it('goes on behind every cursor with exactly the rest', async () => {
    for (const wanted of [null, ['users', 'tickets'], ['tickets']]) {
      const { pages } = await read(recorded, { pageSize: 1, wanted })
      for (const [index, page] of pages.entries()) {
        expect(pathsOf((await read(recorded, { after: page.cursor, wanted })).pages)).to.deep.equal(pathsOf(pages.slice(index + 1)))
      }
    }
    expect(codeOf((await read('{"data":{}}', { after: JSON.stringify({ entries: 3 }) })).error)).to.equal('DOCFERRY_FILE_CUT')
  })

  it('packs no more documents into a page than are wanted in one, so that marks are no farther apart', async () => {
    const text = JSON.stringify(Array.from({ length: 50 }, (_, n) => ({ _id: `${n}` })))
    const { pages } = await read(text, { collection: 'c', packing: { drop: [], byLine: true, most: 20 } })
    expect(pages.map(({ packed = [] }) => packed.map(({ count }) => count))).to.deep.equal([[20], [20], [10]])
  })

  it('accounts for every byte', async () => {
    const { pages } = await read(recorded, { size: 10 })
    const bytes = pages.reduce((sum, page) => sum + page.bytes, 0)
    expect(bytes).to.be.within(recorded.length - 40, recorded.length)
  })

  it('reads a string of 5 MB in time linear in its length', async () => {
    const text = `[{"_id":"1","x":"${'é"\\\\n'.replace('"', '\\"').repeat(800_000)}"}]`
    const { pages } = await read(text, { collection: 'c' })
    expect(idsOf(pages)).to.deep.equal(['1'])
  })
})
