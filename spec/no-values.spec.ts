/** Stages of one's own that return what is no value: it is theirs, wherever it would have been found. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { expect } from 'chai'
import { DocferryError } from '../lib/errors.ts'
import type { MigrateOptions } from '../lib/options.ts'
import { loadPipeline } from '../lib/pipeline/load.ts'
import { makeStages } from '../lib/pipeline/make-stages.ts'
import { totalCounts } from '../lib/report.ts'
import type { RunReport } from '../lib/report.ts'
import { retryRun } from '../lib/retry.ts'
import { migrate } from '../lib/run.ts'
import type { Document, RunStage } from '../lib/types.ts'
import { StageWorker } from '../lib/work/stage-worker.ts'
import { documentsIn } from './support/told.ts'

const count = 300
const oddIds = ['d005', 'd150', 'd299']

/** Ways by which documents come to a stage. */
const ways = {
  'one by one': '{}',
  'in blocks': '{ isPure: true }',
  'in outlines': "{ isPure: true, fields: ['seen', 'at'] }"
}

const stamp = (more: string, value: string): string => `
const odd = ${JSON.stringify(oddIds)}
export const stamp = { name: 'stamp', ...${more}, apply: d => ({ ...d, seen: { by: odd.includes(d._id) ? ${value} : 'me' } }) }
export const inPlace = { name: 'in place', ...${more}, apply(d) { d.seen = odd.includes(d._id) ? { by: ${value} } : 'me'; return d } }
export const later = { name: 'later', isPure: true, apply: async d => ({ ...d, seen: odd.includes(d._id) ? { by: ${value} } : 'me' }) }
export const several = { name: 'several', isPure: true, *apply(d) { yield d; yield { _id: d._id + '-2', seen: odd.includes(d._id) ? { by: ${value} } : 'me' } } }
`

describe('stages of one’s own that return what is no value', function () {
  this.timeout(60_000)
  let folder: string
  before(() => (StageWorker.waitsForThreads = true))
  after(() => (StageWorker.waitsForThreads = false))
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-no-values-'))
    const lines = Array.from({ length: count }, (_, n) => `{"_id":"d${String(n).padStart(3, '0')}","n":${n}}\n`)
    writeFileSync(path('in.ndjson'), lines.join(''))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const path = (name: string): string => join(folder, name)
  const optionsOf = async (stages: string, { workers = 0, target = 'out.ndjson' } = {}): Promise<MigrateOptions> => {
    writeFileSync(path('p.yaml'), `source: in.ndjson\ntarget: ${target}\nstages:\n${stages}\n`)
    const made = await makeStages(await loadPipeline(path('p.yaml'), { environment: {}, cwd: folder }), { environment: {} })
    const [connector] = target.startsWith('memory:') ? (['memory'] as const) : (['file'] as const)
    return {
      source: { connector: 'file', options: { path: path('in.ndjson') } },
      target:
        connector === 'file' ? { connector, options: { path: path(target) } } : { connector, options: { snapshot: path(target.slice(7)) } },
      stages: made,
      pipeline: { file: path('p.yaml'), target: 'target' },
      stateDir: path('state'),
      workers
    }
  }
  const failure = async (running: Promise<unknown>): Promise<DocferryError> => {
    const error = await running.then(
      () => new Error('it did not fail'),
      (thrown: unknown) => thrown
    )
    expect(error).to.be.instanceOf(DocferryError)
    return error as DocferryError
  }
  const entry = (name: string, onError = 'fail', more = '  - strip: [secret]'): string =>
    `  - module: ./own.mjs#${name}\n    onError: ${onError}\n${more}`
  const lettersOf = ({ deadLetters }: RunReport): Record<string, unknown>[] =>
    readFileSync(deadLetters!, 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
  const said = 'it returned something that is no value at seen.by (Date): make it a Timestamp, or text'

  for (const workers of [0, 2]) {
    for (const [way, more] of Object.entries(ways)) {
      describe(`${way}, ${workers} threads`, () => {
        beforeEach(() => writeFileSync(path('own.mjs'), stamp(more, 'new Date(0)')))

        it('end the run, which names stage, place, document and field', async () => {
          for (const name of ['stamp', 'inPlace']) {
            const error = await failure(migrate(await optionsOf(entry(name), { workers })))
            expect(error).to.include({ code: 'DOCFERRY_STAGE' })
            expect(error.context).to.include({ id: 'd005', collection: 'in' })
            expect(error.message)
              .to.match(/^stage (stamp|in place) \(.*p\.yaml:4:5\) failed on in\/d005: /)
              .and.include(said)
          }
        })

        it('have the document left out with onError: skip', async () => {
          const report = await migrate(await optionsOf(entry('stamp', 'skip'), { workers }))
          expect(report.collections[0]!.filteredBy).to.deep.equal({ 'stamp (failed)': 3 })
          expect(totalCounts(report.collections)).to.include({ read: count, written: count - 3, filtered: 3, failed: 0 })
        })

        for (const name of ['stamp', 'inPlace']) {
          it(`have the document kept as it came, so that a retry writes it once the module is mended: ${name}`, async () => {
            const target = 'memory:out.json'
            const options = await optionsOf(entry(name, 'dead-letter'), { workers, target })
            const report = await migrate(options)
            expect(report.state).to.equal('partial')
            const letters = lettersOf(report)
            expect(letters.map(({ id }) => id)).to.deep.equal(oddIds)
            expect(letters[0]).to.deep.include({ at: 'stage', code: 'DOCFERRY_STAGE', document: { _id: 'd005', n: 5 } })
            expect(letters[0]!['message']).to.include(said)
            // A process knows a module by its name.
            writeFileSync(path('mended.mjs'), stamp(more, "'me'"))
            const { stages } = await optionsOf(entry(name, 'dead-letter').replace('own', 'mended'), { workers, target })
            const again = { run: report.runId, stateDir: path('state'), target: options.target }
            const retried = await retryRun({ ...again, runStages: stages! })
            expect(retried.state).to.equal('done')
            expect(totalCounts(retried.collections)).to.include({ written: 3, failed: 0 })
          })
        }

        it('are told from those before and behind them', async () => {
          appendFileSync(path('own.mjs'), "export const good = { name: 'good', isPure: true, apply: d => ({ ...d, at: 1 }) }\n")
          for (const others of ['  - strip: [seen]', '  - module: ./own.mjs#good', '  - rename: { seen: x }\n  - limit: 1000']) {
            const between = `  - module: ./own.mjs#good\n${entry('stamp', 'dead-letter', others)}`
            rmSync(path('out.ndjson'), { force: true })
            const report = await migrate(await optionsOf(between, { workers }))
            const letters = lettersOf(report)
            expect(
              letters.map(({ id }) => id),
              others
            ).to.deep.equal(oddIds)
            for (const { message, document } of letters) {
              expect(message).to.include('stage stamp (').and.include(said)
              expect(document).to.deep.include({ at: 1 }).and.not.have.property('seen')
            }
          }
        })
      })
    }

    it(`also behind a promise, and among several, ${workers} threads`, async () => {
      writeFileSync(path('own.mjs'), stamp('{}', 'new Date(0)'))
      for (const [name, id] of [
        ['later', ''],
        ['several', 'for d005-2 ']
      ] as const) {
        const { message } = await failure(migrate(await optionsOf(entry(name), { workers })))
        expect(message).to.include(`failed on in/d005: ${said.replace('returned ', `returned ${id}`)}`)
      }
      const report = await migrate(await optionsOf(entry('several', 'dead-letter'), { workers }))
      expect(totalCounts(report.collections)).to.include({ read: count, added: count, written: 2 * count - 3, failed: 3 })
    })
  }

  for (const workers of [0, 2]) {
    for (const [way, more] of Object.entries(ways)) {
      it(`also of docferry’s own classes with contents that are none, ${way}, ${workers} threads`, async () => {
        const values = new URL('../lib/index.js', import.meta.url).href
        const wrong = [
          'new ValueSet([])',
          "new ValueSet(['a', 1])",
          "new Vector([1, 'x'])",
          "Object.assign(Object.create(GeoPoint.prototype), { latitude: 'a', longitude: 'b' })",
          'new GeoPoint("a", 1)',
          'new Double("1")',
          'new Timestamp(1700000000, 123399902.34)',
          'Object.create(Timestamp.prototype)'
        ]
        for (const [index, value] of wrong.entries()) {
          const module = `own-${index}.mjs`
          writeFileSync(path(module), `import { Double, GeoPoint, Timestamp, ValueSet, Vector } from '${values}'\n${stamp(more, value)}`)
          rmSync(path('out.ndjson'), { force: true })
          const report = await migrate(await optionsOf(entry('stamp', 'dead-letter').replace('own.mjs', module), { workers }))
          expect(
            lettersOf(report).map(({ id, at }) => [id, at]),
            value
          ).to.deep.equal(oddIds.map(id => [id, 'stage']))
          expect(totalCounts(report.collections), value).to.include({ written: count - 3, failed: 3 })
        }
      })
    }
  }

  it('have a list that holds one fail as a whole, so that a retry writes all of it', async () => {
    const target = 'memory:out.json'
    const halves = (second: string): string =>
      `export const halves = { name: 'halves', apply: d => [{ ...d, half: true }, ${JSON.stringify(oddIds)}.includes(d._id) ? ${second} : { ...d, _id: d._id + '-2' }] }`
    writeFileSync(path('own.mjs'), halves('undefined'))
    const options = await optionsOf(entry('halves', 'dead-letter'), { target })
    const report = await migrate(options)
    expect(totalCounts(report.collections)).to.include({ read: count, added: count - 3, written: 2 * (count - 3), failed: 3 })
    writeFileSync(path('mended.mjs'), halves("{ ...d, _id: d._id + '-2' }"))
    const { stages } = await optionsOf(entry('halves', 'dead-letter').replace('own', 'mended'), { target })
    const retried = await retryRun({ run: report.runId, stateDir: path('state'), target: options.target, runStages: stages! })
    expect(retried.state).to.equal('done')
    expect(totalCounts(retried.collections)).to.include({ written: 6, failed: 0, skipped: 0 })
  })

  for (const [way, more] of Object.entries(ways).slice(0, 2)) {
    it(`are told of with onError: skip, where a generator fails behind what came before, ${way}`, async () => {
      writeFileSync(path('own.mjs'), stamp(more, 'new Date(0)'))
      const report = await migrate(await optionsOf(entry('several', 'skip')))
      expect(report.collections[0]!.filteredBy).to.deep.equal({ 'several (failed)': 3 })
      expect(totalCounts(report.collections)).to.include({ read: count, added: count, filtered: 3, written: 2 * count - 3, failed: 0 })
    })
  }

  for (const target of ['out.ndjson', 'memory:out.json']) {
    it(`leave a field out that is undefined, for ${target}`, async () => {
      writeFileSync(path('own.mjs'), stamp('{}', 'undefined'))
      const report = await migrate(await optionsOf(entry('stamp'), { target }))
      expect(totalCounts(report.collections)).to.include({ written: count, failed: 0 })
      const odd =
        target === 'out.ndjson'
          ? (await documentsIn(path(target))).find(({ _id }) => _id === oddIds[0])
          : (JSON.parse(readFileSync(path('out.json'), 'utf8')) as { data: { in: Document[] } }).data.in.find(
              ({ _id }) => _id === oddIds[0]
            )
      expect(odd).to.deep.equal({ _id: 'd005', n: 5, seen: {} })
    })
  }

  it('end the run where they are Node Transforms', async () => {
    const transform: RunStage = {
      name: 'stream',
      place: 'p.ts:1:1',
      transform: () =>
        new Transform({
          objectMode: true,
          transform: (document: Document, _, callback) => callback(null, { ...document, seen: document['n'] === 7 ? new Map() : 1 })
        })
    }
    const { pipeline: _pipeline, ...options } = await optionsOf('  - strip: [x]')
    const error = await failure(migrate({ ...options, stages: [transform, { name: 'behind', apply: document => document }] }))
    expect(error).to.include({ code: 'DOCFERRY_STAGE' })
    expect(error.message).to.equal(
      'stage stream (p.ts:1:1) failed on in: it returned for d007 something that is no value at seen (Map): make it a plain object'
    )
  })
})
