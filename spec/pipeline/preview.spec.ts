import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { previewPipeline } from '../../lib/pipeline/preview.ts'
import type { Preview, PreviewOptions } from '../../lib/pipeline/preview.ts'
import type { Document } from '../../lib/types.ts'
import { pipelineBench } from './bench.ts'

describe('pipeline: a preview', () => {
  const bench = pipelineBench()
  const save = (name: string, data: Readonly<Record<string, readonly Document[]>>): void =>
    void bench.write(name, JSON.stringify({ metadata: { collections: Object.keys(data) }, data }))
  const preview = async (text: string, options: Partial<PreviewOptions> = {}): Promise<Preview> =>
    await previewPipeline(await bench.load(text.replaceAll('./', `${bench.folder}/`).replaceAll(`module: ${bench.folder}`, 'module: .')), {
      environment: {},
      ...options
    })
  const documents = (count: number, more: object = {}): Document[] =>
    Array.from({ length: count }, (_, n) => ({ _id: `d${n}`, n, ...more }))
  const idsOf = ({ collections }: Preview): unknown => collections.map(({ documents: own }) => own.map(({ before }) => before._id))

  beforeEach(() => save('a.json', { users: documents(8), agents: documents(2, { code: 'x' }) }))
  const ends = 'source: ./a.json\ntarget: ./out.json\n'

  it('takes the first documents of each collection, and writes nothing', async () => {
    const found = await preview(`${ends}stages: [{ tap: { file: aside.ndjson } }]\n`, { limit: 3 })
    expect(found.collections.map(({ name }) => name)).to.deep.equal(['users', 'agents'])
    expect(idsOf(found)).to.deep.equal([
      ['d0', 'd1', 'd2'],
      ['d0', 'd1']
    ])
    expect(readdirSync(bench.folder).sort()).to.deep.equal(['a.json', 'x.yaml'])
    expect(existsSync(join(bench.folder, 'out.json'))).to.equal(false)
  })

  it('takes the collections of the pipeline, by their new names, or those asked for', async () => {
    const text = `${ends}collections: [{ name: users, as: people }]\n`
    expect((await preview(text)).collections.map(({ name, target }) => [name, target])).to.deep.equal([['users', 'people']])
    expect((await preview(text, { collections: ['agents'] })).collections.map(({ name }) => name)).to.deep.equal(['agents'])
    const error = await preview(text, { collections: ['agent'] }).catch((reason: unknown) => reason)
    expect(error).to.include({ code: 'DOCFERRY_NO_SUCH_COLLECTION' })
  })

  it('shows a collection without documents', async () => {
    save('a.json', { users: [], agents: documents(1) })
    expect(idsOf(await preview(ends))).to.deep.equal([[], ['d0']])
  })

  it('says what became of each document, and which stage did it', async () => {
    const text = `${ends}collections: [users]
stages:
  - { filter: { n: { $ne: 1 } }, name: not one }
  - { validate: { schema: { properties: { n: { not: { const: 2 } } } } } }
  - { convert: { fields: { n: { to: json } } }, name: as json }
  - { module: ./odd.mjs }
  - { split: parts }
`
    bench.write(
      'odd.mjs',
      `export default document => { if (document.n === '3') throw new Error('odd'); return { ...document, parts: document.n === '4' ? [] : [1, 2] } }`
    )
    const { collections } = await preview(text)
    const became = collections[0]!.documents.map(({ after, leftOutBy, troubles }) => ({
      after: after.map(({ _id }) => _id),
      leftOutBy,
      troubles: troubles.map(({ id, stage, isDeadLetter }) => ({ id, stage, isDeadLetter }))
    }))
    expect(became).to.deep.equal([
      { after: ['d0-0', 'd0-1'], leftOutBy: [], troubles: [] },
      { after: [], leftOutBy: ['not one'], troubles: [] },
      { after: [], leftOutBy: [], troubles: [{ id: 'd2', stage: 'validate', isDeadLetter: true }] },
      { after: [], leftOutBy: [], troubles: [{ id: 'd3', stage: './odd.mjs', isDeadLetter: false }] },
      { after: [], leftOutBy: ['split'], troubles: [] }
    ])
  })

  it('names the stage that returns what is no value, and shows the other documents', async () => {
    bench.write('odd.mjs', 'export default document => (document.n === 1 ? { ...document, seen: new Date(0) } : document)')
    const { collections } = await preview(`${ends}collections: [users]\nstages: [{ module: ./odd.mjs, name: stamp }, { strip: [a] }]\n`)
    const [users] = collections
    expect(users!.documents.map(({ after, troubles }) => [after.length, troubles.length])).to.deep.equal([
      [1, 0],
      [0, 1],
      [1, 0],
      [1, 0],
      [1, 0]
    ])
    const [trouble] = users!.documents[1]!.troubles
    expect(trouble).to.include({ id: 'd1', stage: 'stamp' })
    expect(trouble!.message).to.include('x.yaml:4:').and.include('no value at seen (Date)')
  })

  it('keeps what a stage changes in place apart from what it was', async () => {
    bench.write('inplace.mjs', 'export default document => { document.n = -1; return document }')
    const { collections } = await preview(`${ends}collections: [users]\nstages: [module: ./inplace.mjs]\n`, { limit: 1 })
    expect(collections[0]!.documents[0]).to.deep.include({ before: { _id: 'd0', n: 0 }, after: [{ _id: 'd0', n: -1 }] })
  })

  it('leaves design documents and CouchDB’s own fields out first, as a run does', async () => {
    save('a.json', { users: [{ _id: '_design/v' }, ...documents(3, { _rev: '1-x' })] })
    const found = await preview(ends, { limit: 2 })
    expect(found.collections[0]!.documents.map(({ before }) => before)).to.deep.equal([
      { _id: 'd0', n: 0 },
      { _id: 'd1', n: 1 }
    ])
    expect(idsOf(await preview(`${ends}options: { includeDesign: true }\n`, { limit: 2 }))).to.deep.equal([['_design/v', 'd0']])
  })

  it('takes the first of each of several sources, each with its own stages', async () => {
    save('b.json', { Users: documents(4) })
    const text = `sources:
  - ./a.json
  - { name: new, address: ./b.json, rename: { Users: users }, stages: [{ set: { from: '{{ $source }}' } }] }
target: ./out.json
collections: [users]
`
    const { collections } = await preview(text, { limit: 1 })
    expect(collections.map(({ name, source, documents: [first] }) => ({ name, source, after: first!.after }))).to.deep.equal([
      { name: 'users', source: 'file', after: [{ _id: 'd0', n: 0 }] },
      { name: 'users', source: 'new', after: [{ _id: 'd0', n: 0, from: 'new' }] }
    ])
  })

  it('pairs what comes out of a Node Transform by ids', async () => {
    bench.write(
      'pass.mjs',
      `import { Transform } from 'node:stream'
import { defineTransform } from 'docferry'
export default defineTransform({ make: () => new Transform({ objectMode: true,
  transform(document, _, done) { if (document.n === 0) this.push({ ...document, seen: true }); done() }, flush(done) { done(null, { _id: 'sum' }) } }) })`
    )
    const { collections } = await preview(`${ends}collections: [users]\nstages: [module: ./pass.mjs]\n`, { limit: 2 })
    expect(collections[0]!.documents.map(({ after }) => after)).to.deep.equal([[{ _id: 'd0', n: 0, seen: true }], []])
    expect(collections[0]!.others).to.deep.equal([{ _id: 'sum' }])
  })

  it('tells what is no document', async () => {
    bench.write('a.ndjson', '{"_id":"a"}\nnot json\n{"_id":"b"}\n')
    const { collections } = await preview('source: ./a.ndjson\ntarget: ./out.json\n')
    expect(collections[0]!.documents.map(({ before }) => before._id)).to.deep.equal(['a', 'b'])
    expect(collections[0]!.rejects.map(({ where }) => where)).to.have.length(1)
  })
})
