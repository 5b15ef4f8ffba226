/** Runs whose stages are applied to blocks of lines, on the main thread and in others, held against the same runs by the plain way. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { Division } from '../../lib/engine/packing.ts'
import type { MigrateOptions } from '../../lib/options.ts'
import type { Stretch } from '../../lib/packed.ts'
import type { PlannedOptions } from '../../lib/plan/plan.ts'
import { parseStage } from '../../lib/registry.ts'
import { migrate } from '../../lib/run.ts'
import type { Document, Stage } from '../../lib/types.ts'
import { Double, stringifyJson } from '../../lib/values/index.ts'
import { StageWorker, workerFor } from '../../lib/work/stage-worker.ts'
import { oddLines, Ways } from '../support/compare-ways.ts'
import { generate, simpleDocuments } from '../support/generator.ts'

const stagesOf = async (...texts: string[]): Promise<Stage[]> => await Promise.all(texts.map(text => parseStage(text)))

const linesOf = (documents: Iterable<Document>): string[] => [...documents].map(document => JSON.stringify(document))

for (const workers of [0, 2]) {
  describe(`stages over blocks of lines, ${workers} threads`, function () {
    this.timeout(60_000)
    let folder: string
    let ways: Ways
    before(() => (StageWorker.waitsForThreads = true))
    after(() => (StageWorker.waitsForThreads = false))
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'docferry-worked-'))
      ways = new Ways(folder)
    })
    afterEach(async () => await rm(folder, { recursive: true, force: true }))

    it('give the same documents, counts, letters and receipt', async () => {
      const lines = linesOf(simpleDocuments({ seed: 13, count: 3_000, bytes: 500 }))
      for (const [index, line] of oddLines.entries()) lines.splice(index * 200 + 100, 0, line)
      await writeFile(ways.path('in.ndjson'), `\ufeff${lines.join('\n')}`)
      const stages = await stagesOf('strip:secret', 'rename:{"owner.id":"key"}', 'filter:{"active":true}', 'set:{"a.b":[1,2]}')
      const { told } = await ways.compare('in.ndjson', { stages, workers })
      const [counts] = told.counts
      expect(counts).to.include({ read: 3_013, failed: 3, attachmentsLeft: 2 })
      expect(counts!.filteredBy['filter']).to.be.above(1_000)
    })

    it('leave a revision that a stage makes out of the receipt', async () => {
      await writeFile(ways.path('in.ndjson'), linesOf(simpleDocuments({ seed: 14, count: 300, bytes: 300 })).join('\n'))
      for (const stage of ['set:{"_rev":"3-x"}', 'rename:{"name":"_rev"}']) {
        const { told } = await ways.compare('in.ndjson', { stages: await stagesOf(stage), workers })
        expect(told.root).to.be.a('string')
        for (const name of ['fast', 'plain']) await rm(ways.path(`${name}.ndjson`))
      }
      const own = (document: Document): Document => ({ ...document, ...(Number(document._id.slice(-1)) < 3 && { _rev: '1-a' }) })
      await ways.compare('in.ndjson', { stages: [{ name: 'own', isPure: true, changesInPlace: false, apply: own }], workers })
    })

    it('keep the kinds of numbers, looked into or not, and those that a stage makes', async () => {
      const users = [...generate({ collection: 'users', seed: 20, count: 800 })]
      const lines = users.map((user, index) => stringifyJson({ ...user, n: index % 3, big: 12345678901234567890n }))
      await writeFile(ways.path('in.ndjson'), lines.join('\n'))
      const double = (document: Document): Document => ({ ...document, n: new Double(document['n'] as number) })
      const lists: Stage[][] = [
        await stagesOf('set:{"added":1}'),
        await stagesOf('rename:{"monthly_allowance":"allowance","big":"large"}'),
        await stagesOf('convert:{"fields":{"n":"double"}}'),
        [{ name: 'own', isPure: true, changesInPlace: false, apply: double }]
      ]
      for (const stages of lists) {
        const { told } = await ways.compare('in.ndjson', { stages, workers })
        expect(told.counts[0]).to.include({ read: 800, written: 800 })
        expect(told.root).to.be.a('string')
        for (const name of ['fast', 'plain']) await rm(ways.path(`${name}.ndjson`))
      }
    })

    it('give what a stage of somebody else makes of the fields that it names', async () => {
      await writeFile(ways.path('in.ndjson'), linesOf(simpleDocuments({ seed: 18, count: 500, bytes: 400 })).join('\n'))
      const seen = new Set<string>()
      const apply = (document: Document): Document => {
        for (const name of Object.keys(document)) seen.add(name)
        return { ...document, name: String(document['name']).toUpperCase() }
      }
      const { documents } = await ways.compare('in.ndjson', { stages: [{ name: 'upper', isPure: true, fields: ['name'], apply }], workers })
      expect(documents).to.have.length(500)
      expect([...seen]).to.include('$0')
    })

    it('wait for a stage that names its fields and answers with a promise, and dead-letter what it fails on', async () => {
      await writeFile(ways.path('in.ndjson'), ['{"_id":"a","name":"n"}', '{"_id":"b"}', '{"_id":"c","name":"n"}'].join('\n'))
      const apply = async (document: Document): Promise<Document> => {
        await setImmediate()
        if (typeof document['name'] !== 'string') throw new Error('text is wanted')
        return { ...document, name: document['name'].toUpperCase() }
      }
      const stages: Stage[] = [{ name: 'upper', isPure: true, fields: ['name'], onError: 'dead-letter', apply }]
      const unhandled: unknown[] = []
      const listen = (error: unknown): void => void unhandled.push(error)
      process.on('unhandledRejection', listen)
      try {
        const { told } = await ways.compare('in.ndjson', { stages, workers })
        expect(told.counts[0]).to.include({ read: 3, written: 2, failed: 1 })
      } finally {
        process.off('unhandledRejection', listen)
      }
      expect(unhandled).to.deep.equal([])
    })

    it('write what came before a document of its id that fails, however many there were', async () => {
      const gap = (name: string): string[] => Array.from({ length: 60 }, (_, n) => JSON.stringify({ _id: `${name}${n}`, n }))
      const lines = ['{"_id":"u","n":1}', ...gap('a'), '{"_id":"u","n":2}', ...gap('b'), '{"_id":"u","n":"x"}', ...gap('c')]
      await writeFile(ways.path('in.ndjson'), `${lines.join('\n')}\n`)
      const schema = { type: 'object', properties: { n: { type: 'number' } } }
      const { told } = await ways.compare('in.ndjson', { stages: await stagesOf(`validate:${JSON.stringify({ schema })}`), workers })
      expect(told.counts[0]).to.include({ read: 183, written: 182, failed: 1 })
    })

    it('give several documents of one, and none', async () => {
      await writeFile(ways.path('in.ndjson'), linesOf(simpleDocuments({ seed: 14, count: 1_000, bytes: 1_500 })).join('\n'))
      const { told, documents } = await ways.compare('in.ndjson', {
        stages: await stagesOf('split:{"path":"entries"}', 'rename:{"text":"words"}'),
        workers
      })
      const [counts] = told.counts
      expect(counts!.read + counts!.added).to.equal(counts!.written + counts!.filtered)
      expect(documents.length).to.equal(counts!.written)
      expect(counts!.added).to.be.above(100)
    })

    it('leave documents that a stage fails on to the plain way', async () => {
      const documents = [...simpleDocuments({ seed: 15, count: 1_000, bytes: 300 })]
      for (const [index, document] of documents.entries())
        if (index % 97 === 5) Object.assign(document, { state: 'here already', status: 1 })
      await writeFile(ways.path('in.ndjson'), linesOf(documents).join('\n'))
      const [rename] = await stagesOf('rename:{"status":"state"}')
      for (const onError of ['dead-letter', 'skip'] as const) {
        const { told, letters } = await ways.compare('in.ndjson', { stages: [{ ...rename!, onError }], workers })
        expect(told.counts[0]![onError === 'skip' ? 'filtered' : 'failed']).to.equal(11)
        expect(letters.filter(letter => letter !== '')).to.have.length(onError === 'skip' ? 0 : 11)
        await rm(ways.path('fast.ndjson'))
        await rm(ways.path('plain.ndjson'))
      }
      const error: unknown = await ways
        .run('failing', 'in.ndjson', 'failing.ndjson', { stages: [rename!], workers })
        .catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'DOCFERRY_STAGE' })
    })

    it('write values that are more than JSON as the plain way does', async () => {
      await writeFile(ways.path('in.ndjson'), linesOf(simpleDocuments({ seed: 16, count: 500, bytes: 300 })).join('\n'))
      const { documents } = await ways.compare('in.ndjson', {
        stages: await stagesOf('convert:{"fields":{"count":"double"}}'),
        workers
      })
      expect(documents).to.have.length(500)
    })

    it('write no document behind one of its id that failed', async () => {
      const lines = [
        '{"_id":"u1","n":"older, broken"}',
        ...Array.from({ length: 60 }, (_, n) => JSON.stringify({ _id: `p${n}`, n })),
        '{"_id":"u1","n":7}'
      ]
      await writeFile(ways.path('in.ndjson'), `{"_id":"first"}\n${lines.join('\n')}\n`)
      const schema = { type: 'object', properties: { n: { type: 'number' } } }
      const { told } = await ways.compare('in.ndjson', { stages: await stagesOf(`validate:${JSON.stringify({ schema })}`), workers })
      expect(told.counts[0]).to.include({ read: 63, written: 61, failed: 2 })
    })

    it('know each control line that opens another collection, however it is written', async () => {
      for (const control of ['{"\\u0024collection":"b"}', '{"x":1,"$collection":"b"}', '\r{"$collection":"b"}']) {
        const documents = (name: string): string[] => Array.from({ length: 40 }, (_, n) => JSON.stringify({ _id: `${name}${n}`, v: n }))
        const end = JSON.stringify({ $end: { counts: { a: 40, b: 40 }, digest: {} } })
        const lines = ['{"$docferry":1,"metadata":{}}', '{"$collection":"a"}', ...documents('a'), control, ...documents('b'), end]
        await writeFile(ways.path('in.ndjson'), `${lines.join('\n')}\n`)
        const { told, documents: found } = await ways.compare('in.ndjson', {
          stages: await stagesOf('set:{"from":"{{ $collection }}"}'),
          workers
        })
        expect(told.counts.map(({ written }) => written)).to.deep.equal([40, 40])
        expect(found.filter(({ _id, from }) => !_id.startsWith(from as string))).to.deep.equal([])
        await rm(ways.path('fast.ndjson'))
        await rm(ways.path('plain.ndjson'))
      }
    })

    it('keep the sections of an export apart, and check it', async () => {
      for (const name of ['one', 'two', 'three'])
        await writeFile(ways.path(`${name}.ndjson`), linesOf(simpleDocuments({ seed: name.length, count: 700, bytes: 600 })).join('\n'))
      const snapshot = ways.path('snapshot.json')
      for (const name of ['one', 'two', 'three'])
        await migrate({
          source: { connector: 'file', options: { path: ways.path(`${name}.ndjson`) } },
          target: `memory:${snapshot}`,
          stateDir: ways.path('state')
        })
      await migrate({
        source: `memory:${snapshot}`,
        target: { connector: 'file', options: { path: ways.path('export.ndjson') } },
        stateDir: ways.path('state')
      })
      const stages = await stagesOf('set:{"from":"{{ $collection }}"}')
      const { told } = await ways.compare('export.ndjson', { stages, workers })
      expect(told.counts.map(({ written }) => written)).to.deep.equal([700, 700, 700])
      await rm(ways.path('fast.ndjson'))
      await rm(ways.path('plain.ndjson'))
      await ways.compare('export.ndjson', { stages, workers, collections: ['one', 'three'] })
      const text = await readFile(ways.path('export.ndjson'), 'utf8')
      await writeFile(ways.path('changed.ndjson.gz'), gzipSync(text.replace('"active":true', '"active":null')))
      const error: unknown = await ways
        .run('changed', 'changed.ndjson.gz', 'out.ndjson', { stages, workers })
        .catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'DOCFERRY_DECODE' })
    })

    it('go on where an interrupted run stopped', async () => {
      await writeFile(ways.path('in.ndjson'), linesOf(simpleDocuments({ seed: 17, count: 20_000, bytes: 300 })).join('\n'))
      const stages = await stagesOf('set:{"a.b":true}')
      const whole = await ways.run('whole', 'in.ndjson', 'whole.ndjson', { stages, workers })
      const abort = new AbortController()
      let id = ''
      const observe: MigrateOptions['observe'] = report => {
        id = report.runId
        const timer = setInterval(() => {
          if ((report.collections[0]?.written ?? 0) === 0) return
          clearInterval(timer)
          abort.abort()
        })
        abort.signal.addEventListener('abort', () => clearInterval(timer))
      }
      const options = { stages, workers, checkpointMs: 20 }
      const error: unknown = await ways
        .run('cut', 'in.ndjson', 'cut.ndjson', { ...options, observe, signal: abort.signal })
        .catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'DOCFERRY_INTERRUPTED' })
      const { told, documents } = await ways.run('cut', 'in.ndjson', 'cut.ndjson', { ...options, resume: id })
      expect(told.root).to.equal(whole.told.root).and.be.a('string')
      expect(documents).to.deep.equal(whole.documents)
    })
  })
}

describe('StageWorker', function () {
  this.timeout(60_000)
  const place = { collection: 'a', digests: false }
  const block = Buffer.from('{"_id":"1","n":1}\n')

  async function divided(...texts: string[]): Promise<Division> {
    return { packing: { drop: [] }, stages: await stagesOf(...texts), first: 0 }
  }

  /** All but who is told that the text is written. */
  const toldOf = (stretches: readonly Stretch[]): unknown[] =>
    stretches.map(stretch => ('packed' in stretch ? { ...stretch, packed: { ...stretch.packed, release: undefined } } : stretch))

  const planned = (...stages: string[]) => ({ stages, includeDesign: true, keepMetadata: true }) as unknown as PlannedOptions

  it('begins threads only once enough has gone through the main one', async () => {
    const worker = new StageWorker({
      ...(await divided('set:{"a":1}')),
      threads: { count: 2, after: block.length, setup: { asked: planned('set:{"a":1}'), environment: {}, first: 0, packing: { drop: [] } } }
    })
    try {
      const lines = worker.of('p')
      expect(lines.atOnce).to.equal(1)
      const first = await lines.work(block, place)
      expect(lines.atOnce).to.equal(1)
      const second = await lines.work(block, place)
      expect(lines.atOnce).to.be.above(2)
      expect(toldOf(second)).to.deep.equal(toldOf(first))
    } finally {
      await worker.close()
    }
  })

  it('works on the main thread until threads that were asked for have loaded', async () => {
    const worker = workerFor(await divided('set:{"a":1}'), planned('set:{"a":1}'), { stages: await stagesOf('set:{"a":1}'), workers: 1 })
    try {
      const lines = worker.of('p')
      const answer = lines.work(block, place)
      expect(lines.atOnce).to.be.above(1)
      const isFirst = await Promise.race([answer.then(() => true), setTimeout(0, false)])
      expect(isFirst).to.equal(true)
    } finally {
      await worker.close()
    }
  })

  it('has the main thread work on a block while those of its threads are not done', async () => {
    const worker = workerFor(await divided('set:{"a":1}'), planned('set:{"a":1}'), { stages: await stagesOf('set:{"a":1}'), workers: 1 })
    const { waitsForThreads } = StageWorker
    StageWorker.waitsForThreads = true
    try {
      const lines = worker.of('p')
      await lines.work(block, place)
      const done: number[] = []
      const work = (index: number): Promise<unknown> => lines.work(block, place).then(() => done.push(index))
      const all = Array.from({ length: lines.atOnce }, (_, index) => work(index))
      await Promise.race(all)
      // Two are a thread's. What it does is known later than what is done here.
      expect(done[0]).to.equal(2)
      await Promise.all(all)
    } finally {
      StageWorker.waitsForThreads = waitsForThreads
      await worker.close()
    }
  })

  it('has no threads for stages that no text names', async () => {
    const [stage] = await stagesOf('set:{"a":1}')
    const { text: _text, ...nameless } = stage!
    const worker = workerFor(await divided('set:{"a":1}'), planned('set'), { stages: [nameless], workers: 2 })
    await worker.of('p').work(block, place)
    expect(worker.of('p').atOnce).to.equal(1)
  })

  it('does without threads that fail, and tells why', async () => {
    const worker = workerFor(await divided('set:{"a":1}'), planned('no-such-stage'), { stages: await stagesOf('set:{"a":1}'), workers: 4 })
    const alone = new StageWorker(await divided('set:{"a":1}'))
    try {
      const wanted = await alone.of('p').work(block, place)
      const lines = worker.of('p')
      StageWorker.waitsForThreads = true
      expect(toldOf(await lines.work(block, place))).to.deep.equal(toldOf(wanted))
      expect(worker.notes()[0]).to.match(/^a worker thread failed.*no-such-stage/)
    } finally {
      StageWorker.waitsForThreads = false
      await worker.close()
    }
  })
})
