/** Runs whose documents travel packed, held against the same runs by the plain way. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { RunReport } from '../lib/report.ts'
import { migrate } from '../lib/run.ts'
import { rename } from '../lib/stages/rename.ts'
import { set } from '../lib/stages/set.ts'
import { strip } from '../lib/stages/strip.ts'
import { GeoPoint, Reference, stringifyJson, Timestamp, ValueSet, Vector } from '../lib/values/index.ts'
import type { Document, Value } from '../lib/values/index.ts'
import { oddLines, Ways } from './support/compare-ways.ts'
import { collectionNames, generate, simpleDocuments } from './support/generator.ts'
import { pythonExport } from './support/python-json.ts'

describe('packed documents', function () {
  this.timeout(60_000)
  let folder: string
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'docferry-packing-'))))
  afterEach(async () => await rm(folder, { recursive: true, force: true }))

  const path = (name: string): string => join(folder, name)
  const run: Ways['run'] = (...what) => new Ways(folder).run(...what)
  const compare: Ways['compare'] = (...what) => new Ways(folder).compare(...what)

  it('are the same documents, counts, letters and receipt', async () => {
    const documents = [...simpleDocuments({ seed: 3, count: 3_000, bytes: 500 })].map(document => JSON.stringify(document))
    for (const [index, line] of oddLines.entries()) documents.splice(index * 200 + 100, 0, line)
    await writeFile(path('in.ndjson'), `\ufeff${documents.join('\n')}`)
    const { told: all } = await compare('in.ndjson', { stages: [strip(['secret'])] })
    expect(all.counts[0]).to.include({ read: 3_013, failed: 3, filtered: 1, written: 3_009, attachmentsLeft: 2 })
    expect(all.counts[0]!.stripped).to.deep.equal({ _rev: 1, _attachments: 1 })
    expect(all.root).to.be.a('string')
  })

  it('are checked by the export that they come from', async () => {
    await writeFile(
      path('in.ndjson'),
      [...simpleDocuments({ seed: 4, count: 2_000, bytes: 300 })].map(each => `${JSON.stringify(each)}\n`).join('')
    )
    await run('first', 'in.ndjson', 'export.ndjson', {})
    await compare('export.ndjson', { stages: [strip(['note'])] })
    const text = await readFile(path('export.ndjson'), 'utf8')
    await writeFile(path('changed.ndjson'), text.replace('"active":true', '"active":null'))
    await writeFile(path('changed.ndjson.gz'), gzipSync(text.replace('"active":true', '"active":null')))
    for (const changed of ['changed.ndjson', 'changed.ndjson.gz']) {
      const error = await run('changed', changed, `${changed}.out.ndjson`, {}).catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'DOCFERRY_DECODE' })
    }
  })

  it('keep the kinds of numbers, out of files of Python and out of exports', async () => {
    const collections = collectionNames.map(collection => [collection, generate({ collection, seed: 7, count: 60 })] as const)
    const exported = pythonExport({ provider: 'couchdb', exportedAt: '2026-01-15T10:30:00.123456', collections })
    await writeFile(path('in.json'), [...exported].join(''))
    const { told: out } = await compare('in.json', { stages: [strip(['model_config'])] })
    expect(out.root).to.be.a('string')
    const text = await readFile(path('fast.ndjson'), 'utf8')
    expect(text).to.match(/:100\.0[,}]/)
    await writeFile(path('export.ndjson'), text)
    for (const name of ['fast', 'plain']) await rm(path(`${name}.ndjson`))
    expect((await compare('export.ndjson')).told.root).to.equal(out.root)
  })

  it('tell of values that stand in envelopes, and where the first of them are', async () => {
    const at = (seconds: number): Value => new Timestamp(seconds, 0)
    const documents = Array.from({ length: 900 }, (_, n): Document => {
      const document: Document = { _id: `${n}`, list: [], text: 'x'.repeat(n % 50) }
      if (n % 3 > 0) document['times'] = [at(n), { deep: at(-n) }]
      if (n % 100 === 7) document['place'] = new GeoPoint(n / 10, 0.5)
      if (n % 200 === 3) document['dropped'] = { bytes: new Uint8Array([n % 256]) }
      if (n > 600) Object.assign(document, { owner: new Reference(`users/${n}`), far: n % 2 ? Infinity : NaN, v: new Vector([n, 0.25]) })
      if (n === 400) document['set'] = new ValueSet([1, 2])
      return document
    })
    await writeFile(path('in.ndjson'), documents.map(each => `${stringifyJson(each)}\n`).join(''))
    await writeFile(path('in.json'), `[${documents.map(each => stringifyJson(each)).join(',\n')}]`)
    for (const name of ['in.ndjson', 'in.json'])
      for (const stages of [[], [strip(['dropped'])], [rename({ owner: 'of' })], [set({ added: at(5) })]]) {
        const { told: all } = await compare(name, { stages })
        expect(all.counts[0]!.conversions.find(({ kind }) => kind === 'timestamp')).to.include({ conversion: 'enveloped' })
        for (const out of ['fast', 'plain']) await rm(path(`${out}.ndjson`))
      }
  })

  it('count attachments where these are a map', async () => {
    await writeFile(path('in.ndjson'), '{"_id":"0"}\n{"_id":"x","_attachments":[1]}\n{"_id":"y","_attachments":{"a":{}}}\n')
    const { told } = await compare('in.ndjson')
    expect(told.counts[0]).to.include({ attachmentsLeft: 1 })
  })

  it('are told of where their ids come twice', async () => {
    await writeFile(path('in.ndjson'), ['a', 'b', 'a'].map(_id => `${JSON.stringify({ _id })}\n`).join(''))
    const { documents } = await compare('in.ndjson')
    expect(documents).to.have.length(3)
  })

  it('come compressed, and out of a folder into a folder', async () => {
    const text = [...simpleDocuments({ seed: 5, count: 1_000, bytes: 300 })].map(each => `${JSON.stringify(each)}\n`).join('')
    await writeFile(path('in.ndjson.gz'), gzipSync(text))
    await compare('in.ndjson.gz', { stages: [strip(['note'])] })
    const moved = async (source: string, target: string): Promise<RunReport> =>
      await migrate({
        source: { connector: 'file', options: { path: path(source) } },
        target: { connector: 'file', options: { path: path(target), format: 'folder' } },
        stateDir: path('state')
      })
    const first = await moved('in.ndjson.gz', 'one')
    const second = await moved('one', 'two')
    expect(second.receiptRoot).to.equal(first.receiptRoot).and.be.a('string')
  })

  it('come out of JSON, and into JSON', async () => {
    const documents = [...simpleDocuments({ seed: 6, count: 1_500, bytes: 300 })].map(document => JSON.stringify(document))
    const fit = oddLines.filter(line => line.trim() !== '' && line !== 'no JSON')
    for (const [index, line] of fit.entries()) documents.splice(index * 100 + 50, 0, line)
    const half = documents.length / 2
    const lists = [documents.slice(0, half), [], documents.slice(half)].map(
      (list, index) => `"c${index}": [\n    ${list.join(',\n    ')}\n  ]`
    )
    await writeFile(path('in.json'), `{"metadata":{"provider":"couchdb","collections":["c0","c1","c2"]},"data":{${lists.join(',')}}}`)
    await writeFile(path('in.ndjson'), documents.map(line => `${line}\n`).join(''))
    const stages = [strip(['secret'])]
    const { told: all } = await compare('in.json', { stages })
    expect(all.counts.map(({ written, failed, filtered }) => [written, failed, filtered])).to.deep.equal([
      [half - 2, 1, 1],
      [0, 0, 0],
      [half - 1, 1, 0]
    ])
    expect(all.root).to.be.a('string')
    await rm(path('fast.ndjson'))
    await rm(path('plain.ndjson'))
    await compare('in.json', { stages }, 'json')
    await rm(path('fast.json'))
    await rm(path('plain.json'))
    await compare('in.ndjson', { stages }, 'json')
  })
})
