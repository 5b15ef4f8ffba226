import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { Progress } from '../../lib/checkpoint/checkpoint.ts'
import { Journal } from '../../lib/checkpoint/journal.ts'
import { readCheckpoint } from '../../lib/checkpoint/how-far.ts'
import { standOf } from '../../lib/engine/output-stand.ts'
import { addOutcome } from '../../lib/engine/outcome-sums.ts'
import { Tally } from '../../lib/engine/tally.ts'
import { DocferryError } from '../../lib/errors.ts'
import { countWritten, emptyReport } from '../../lib/report.ts'
import { Mark } from '../../lib/types.ts'
import type { SuspendedOutput } from '../../lib/types.ts'
import { documentDigests } from '../../lib/values/index.ts'

const asked = { asked: {}, ends: {}, partitions: [] }

function tally(collection: string, id: string): Tally {
  const made = new Tally()
  countWritten(made.of(collection), { bytes: 5 })
  addOutcome(made.sumsOf(collection), 'written', id, documentDigests({ _id: id }))
  return made
}

describe('checkpoint: what has settled', () => {
  let stateDir: string
  beforeEach(() => (stateDir = mkdtempSync(join(tmpdir(), 'docferry-settled-'))))
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  const folderOf = ({ runId }: Journal): string => join(stateDir, 'runs', runId)
  const files = (journal: Journal): string[] => readdirSync(folderOf(journal)).filter(name => name.startsWith('settled-'))

  async function begin(resume?: string): Promise<Journal> {
    const journal = await Journal.open({ stateDir, resume, everyMs: 1e9 })
    await journal.begin(asked)
    return journal
  }

  async function start(journal: Journal, output: () => SuspendedOutput | undefined): Promise<void> {
    const place = { provider: 'memory', address: 'x', identity: 'x' } as const
    const report = emptyReport({
      ...{ runId: journal.runId, source: place, target: place },
      ...{ dryRun: false, onConflict: 'skip', onIncompatible: 'dead-letter', types: 'natural' }
    })
    await journal.start(
      report,
      work => {
        const stands = output()
        return work(stands && standOf(stands, ['files']))
      },
      error => {
        throw error
      }
    )
  }

  /** One document into a collection of its own kind. */
  function put(journal: Journal, collection: number, id: number): void {
    const name = `c${collection}`
    journal.progress.prepare(name, { created: true, empty: true })
    journal.progress.advance(new Mark(`p${collection}`, `${id}`, 1, 1), [tally(name, `d${id}`)])
  }

  it('is with the checkpoint what the run has done, whatever changed and wherever its process died', async function () {
    this.timeout(60_000)
    const changes = fc.array(fc.array(fc.nat(60), { maxLength: 80 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(changes, fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), async (rounds, kills) => {
        let journal = await begin()
        const { runId } = journal
        const expected = new Progress()
        let files: Record<string, object> = {}
        const output = (): SuspendedOutput => ({ partial: 'x', files })
        await start(journal, output)
        let id = 0
        for (const [round, collections] of rounds.entries()) {
          for (const collection of collections) {
            put(journal, collection, id)
            expected.prepare(`c${collection}`, { created: true, empty: true })
            expected.advance(new Mark(`p${collection}`, `${id}`, 1, 1), [tally(`c${collection}`, `d${id++}`)])
            files = { ...files, [`c${collection}`]: { bytes: id } }
          }
          await journal.save()
          const found = await readCheckpoint(folderOf(journal), runId)
          const { partitions, collections: reports, sums, prepared } = expected.snapshot(0, undefined)
          expect(found).to.deep.include({ partitions, sums, prepared, output: { partial: 'x', files } })
          expect(found?.collections).to.have.deep.members(JSON.parse(JSON.stringify(reports)) as unknown[])
          if (!kills[round]) continue
          await journal.close()
          journal = await begin(runId)
          files = journal.output!['files'] as Record<string, object>
          await start(journal, output)
        }
        await journal.close()
      }),
      { numRuns: 15 }
    )
  })

  it('is written once or twice, and not with each checkpoint', async () => {
    const journal = await begin()
    await start(journal, () => undefined)
    for (let collection = 0; collection < 300; collection++) put(journal, collection, collection)
    await journal.save()
    const [name] = files(journal)
    const first = statSync(join(folderOf(journal), name!)).size
    for (let more = 0; more < 20; more++) {
      put(journal, 7, 1_000 + more)
      await journal.save()
    }
    expect(statSync(join(folderOf(journal), name!)).size).to.equal(first)
    expect(statSync(join(folderOf(journal), 'checkpoint.json')).size).to.be.lessThan(20_000)
    await journal.close()
  })

  it('does not grow without end where all changes all the time', async () => {
    const journal = await begin()
    await start(journal, () => undefined)
    const sizes: number[] = []
    for (let round = 0; round < 20; round++) {
      for (let collection = 0; collection < 100; collection++) put(journal, collection, collection)
      await journal.save()
      sizes.push(statSync(join(folderOf(journal), files(journal)[0]!)).size)
    }
    expect(sizes.at(-1)).to.equal(sizes[3])
    await journal.close()
  })

  it('stays in the checkpoint where there is little of it', async () => {
    const journal = await begin()
    await start(journal, () => undefined)
    for (let round = 0; round < 3; round++) {
      for (let collection = 0; collection < 5; collection++) put(journal, collection, round)
      await journal.save()
    }
    expect(files(journal)).to.deep.equal([])
    expect(readFileSync(join(folderOf(journal), 'checkpoint.json'), 'utf8')).to.match(/^\{"docferry":"checkpoint","form":1,/)
    await journal.close()
  })

  it('makes a checkpoint that an older docferry does not take for all', async () => {
    const journal = await begin()
    await start(journal, () => undefined)
    for (let collection = 0; collection < 100; collection++) put(journal, collection, collection)
    await journal.save()
    expect(readFileSync(join(folderOf(journal), 'checkpoint.json'), 'utf8')).to.match(/^\{"docferry":"checkpoint","form":2,/)
    await journal.close()
  })

  it('is not read where it is cut off, was changed or is gone; what stands behind it is left out', async () => {
    const journal = await begin()
    await start(journal, () => undefined)
    for (let collection = 0; collection < 100; collection++) put(journal, collection, collection)
    await journal.save()
    await journal.close()
    const path = join(folderOf(journal), files(journal)[0]!)
    const whole = readFileSync(path)
    const read = (): Promise<unknown> => readCheckpoint(folderOf(journal), journal.runId).catch((error: unknown) => error)
    const before = await read()
    appendFileSync(path, '["partitions","p1",{"done":tr')
    expect(await read()).to.deep.equal(before)
    const changed = Buffer.from(whole)
    changed[200]! ^= 1
    for (const bytes of [whole.subarray(0, -1), changed, Buffer.alloc(0)]) {
      writeFileSync(path, bytes)
      const error = await read()
      expect(error).to.be.instanceOf(DocferryError)
      expect(error).to.have.property('code', 'DOCFERRY_STATE')
    }
    rmSync(path)
    expect(await read()).to.have.property('code', 'DOCFERRY_STATE')
  })

  it('is what the output names, whatever else of it is a map', async () => {
    const journal = await begin()
    const state = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`s${index}`, index]))
    await start(journal, () => ({ state, files: {} }))
    await journal.save()
    expect(files(journal)).to.deep.equal([])
    expect((await readCheckpoint(folderOf(journal), journal.runId))?.output).to.deep.equal({ state, files: {} })
    await journal.close()
  })

  it('is begun anew where it could not be written', async () => {
    const journal = await begin()
    await start(journal, () => undefined)
    for (let collection = 0; collection < 100; collection++) put(journal, collection, collection)
    const inTheWay = join(folderOf(journal), 'settled-1.ndjson')
    mkdirSync(inTheWay)
    expect(await journal.save().catch((error: unknown) => error)).to.have.property('code', 'DOCFERRY_STATE')
    rmSync(inTheWay, { recursive: true })
    await journal.save()
    expect(files(journal)).to.deep.equal(['settled-2.ndjson'])
    const { partitions, sums } = journal.progress.snapshot(0, undefined)
    expect(await readCheckpoint(folderOf(journal), journal.runId)).to.deep.include({ partitions, sums })
    await journal.close()
  })

  it('of processes before is removed once a checkpoint of this one is on disk', async () => {
    const journal = await begin()
    await start(journal, () => undefined)
    for (let collection = 0; collection < 100; collection++) put(journal, collection, collection)
    await journal.save()
    await journal.close()
    const again = await begin(journal.runId)
    expect(files(again)).to.deep.equal(['settled-1.ndjson'])
    await start(again, () => undefined)
    expect(files(again)).to.deep.equal(['settled-2.ndjson'])
    await again.close()
  })
})
