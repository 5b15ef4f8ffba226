/** What a run keeps of what it has written. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { RunFolder, receiptPath } from '../lib/checkpoint/run-folder.ts'
import { readState, writeState } from '../lib/checkpoint/state-file.ts'
import { createMemoryStore } from '../lib/connectors/memory/store.ts'
import type { MigrateOptions } from '../lib/options.ts'
import type { RunReport } from '../lib/report.ts'
import { retryRun } from '../lib/retry.ts'
import { migrate } from '../lib/run.ts'
import type { Document, Refusal } from '../lib/types.ts'
import { BucketSums } from '../lib/values/bucket-sums.ts'
import { documentDigest, Double } from '../lib/values/index.ts'
import { parseReceipt, readReceipt } from '../lib/verify/read-receipt.ts'
import { rootOf } from '../lib/verify/receipt.ts'
import type { Receipt } from '../lib/verify/receipt.ts'
import { scriptedSource, scriptedTarget } from './support/scripted-connector.ts'
import type { ScriptedSource, ScriptedTarget, TargetRecord } from './support/scripted-connector.ts'

const numbered = (count: number): Document[] =>
  Array.from({ length: count }, (_, index) => ({ _id: `d${String(index).padStart(3, '0')}`, index, size: new Double(index) }))
const tooLarge: Refusal = { code: 'DOCFERRY_TOO_LARGE', message: 'it is too large' }

function sumsOf(documents: Iterable<Document>): BucketSums {
  const sums = new BucketSums()
  for (const document of documents) sums.add(document._id, { values: documentDigest(document) })
  return sums
}

describe('receipt', () => {
  let stateDir: string
  let script: { -readonly [Key in keyof ScriptedTarget]: ScriptedTarget[Key] }
  let target: TargetRecord
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-receipt-'))
    script = { provider: 'couchdb' }
    target = scriptedTarget(script)
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  const run = (source: ScriptedSource, options: Partial<MigrateOptions> = {}): Promise<RunReport> =>
    migrate({ source: scriptedSource(source), target: target.endpoint, stateDir, retry: { baseMs: 0 }, ...options })
  const folderOf = ({ runId }: Pick<RunReport, 'runId'>): string => join(stateDir, 'runs', runId)
  const receiptOf = (report: Pick<RunReport, 'runId'>): Promise<Receipt> => readReceipt(join(folderOf(report), 'receipt.json'))
  const held = (collection: string): Document[] => [...target.collections.get(collection)!.values()]
  const expectHeld = (receipt: Receipt): void => {
    for (const { target: name, written, counts } of receipt.collections) {
      expect(written.root(), name).to.equal(sumsOf(held(name)).root())
      expect(written.count, name).to.equal(counts.written)
    }
  }
  const failing = async (promise: Promise<unknown>): Promise<Error & { code?: unknown }> =>
    await promise.then(
      () => expect.fail('it should have failed'),
      (error: Error) => error
    )

  it('accounts for what the target holds, of several partitions and collections', async () => {
    const report = await run({ collections: { agents: numbered(100), users: numbered(7) }, partitions: 3 }, { rename: { users: 'people' } })
    const receipt = await receiptOf(report)
    expect(receipt.collections.map(({ source, target: name }) => [source, name])).to.deep.equal([
      ['agents', 'agents'],
      ['users', 'people']
    ])
    expectHeld(receipt)
    expect(report.receipt).to.equal(join(folderOf(report), 'receipt.json'))
    expect(report.receiptRoot).to.equal(rootOf(receipt.collections))
    expect(statSync(report.receipt!).mode & 0o777).to.equal(0o600)
  })

  it('says of which run it is, and how that was asked', async () => {
    const stages = [(document: Document) => document]
    const report = await run({ collections: { agents: numbered(1) } }, { onConflict: 'overwrite', keepMetadata: false, stages })
    const { runId, source, options, docferry, startedAt, finishedAt } = await receiptOf(report)
    expect({ runId, source }).to.deep.equal({ runId: report.runId, source: report.source })
    expect(options).to.include({ onConflict: 'overwrite', types: 'natural', keepMetadata: false, includeDesign: false })
    expect(options.stages).to.have.length(1)
    expect(docferry).to.match(/^\d+\.\d+\.\d+/)
    expect(startedAt <= finishedAt).to.equal(true)
  })

  it('holds documents as they were written, behind all stages', async () => {
    const report = await run({ collections: { agents: numbered(10) } }, { stages: [document => ({ ...document, added: true })] })
    expect(held('agents')[0]).to.include({ added: true })
    expectHeld(await receiptOf(report))
  })

  it('keeps skipped documents apart, and leaves out those that were dead-lettered or filtered', async () => {
    target = scriptedTarget(Object.assign(script, { held: { agents: [{ _id: 'd001', theirs: true }] } }))
    script.refuse = ({ _id }) => (_id === 'd002' ? tooLarge : undefined)
    script.outcome = id => (id === 'd003' ? { ...tooLarge, retryable: false } : undefined)
    const documents = numbered(20)
    const report = await run(
      { collections: { agents: documents } },
      { stages: [document => (document._id === 'd004' ? undefined : document)] }
    )
    const [collection] = (await receiptOf(report)).collections
    expect(report.state).to.equal('partial')
    expect(collection!.counts).to.deep.equal({ read: 20, added: 0, written: 16, skipped: 1, filtered: 1, failed: 2 })
    const isWritten = ({ _id }: Document): boolean => !['d001', 'd002', 'd003', 'd004'].includes(_id)
    expect(collection!.written.root()).to.equal(sumsOf(documents.filter(isWritten)).root())
    expect(collection!.skipped.root()).to.equal(sumsOf([documents[1]!]).root())
  })

  it('counts a document once that is sent twice', async () => {
    let calls = 0
    script.outcome = () => (++calls === 5 ? { code: 'DOCFERRY_THROTTLED', message: 'later', retryable: true } : undefined)
    expectHeld(await receiptOf(await run({ collections: { agents: numbered(30) } })))
    expect(calls).to.be.above(30)
  })

  it('counts each document once in a run that failed and goes on, more than once', async () => {
    let pages = 0
    const stopAt = [3, 7]
    const source: ScriptedSource = {
      collections: { agents: numbered(100) },
      beforePage: () => {
        if (stopAt.includes(++pages)) throw new Error('the source is gone')
      }
    }
    let resume: string | undefined
    for (const at of stopAt) {
      let seen: Readonly<RunReport> | undefined
      await failing(run(source, { resume, observe: report => (seen = report) }))
      resume = seen!.runId
      expect(existsSync(join(folderOf({ runId: resume }), 'receipt.json')), String(at)).to.equal(false)
      expect(seen).not.to.have.property('receipt')
    }
    const report = await run(source, { resume })
    const receipt = await receiptOf(report)
    expect(receipt.collections[0]!.written.count).to.equal(100)
    expectHeld(receipt)
  })

  it('is not made for a run that an older docferry began, which says so', async () => {
    let pages = 0
    const source: ScriptedSource = {
      collections: { agents: numbered(100) },
      beforePage: () => {
        if (++pages === 4) throw new Error('the source is gone')
      }
    }
    let runId = ''
    await failing(run(source, { observe: report => (runId = report.runId) }))
    const path = join(folderOf({ runId }), 'checkpoint.json')
    const { sums, ...older } = (await readState(path, 'checkpoint')) as { readonly sums: object }
    expect(sums).to.have.property('agents')
    await writeState(path, 'checkpoint', older)
    const report = await run(source, { resume: runId })
    expect(report.collections[0]).to.include({ written: 100 })
    expect(report).not.to.have.property('receipt')
    expect(report.notes.join()).to.include('older docferry')
    expect(existsSync(join(folderOf(report), 'receipt.json'))).to.equal(false)
  })

  it('is not made for a dry run', async () => {
    const report = await run({ collections: { agents: numbered(5) } }, { dryRun: true })
    expect(report).not.to.have.any.keys('receipt', 'receiptRoot')
    expect(existsSync(folderOf(report))).to.equal(false)
  })

  it('does without a _rev that a stage makes, unless metadata are kept', async () => {
    const documents = numbered(3)
    const stages = [(document: Document) => ({ ...document, _rev: '1-a' })]
    const without = await receiptOf(await run({ collections: { agents: documents } }, { stages }))
    expect(without.collections[0]!.written.root()).to.equal(sumsOf(documents).root())
    const store = createMemoryStore()
    const kept = await run(
      { collections: { agents: documents } },
      { stages, keepMetadata: true, target: { connector: 'memory', options: { store } } }
    )
    expect((await receiptOf(kept)).collections[0]!.written.total()).to.equal(
      sumsOf(documents.map(each => ({ ...each, _rev: '1-a' }))).total()
    )
  })

  it('tells the kinds of numbers only where the target keeps them', async () => {
    const document = { _id: 'n', one: new Double(1) }
    const kinds = async (options: Partial<MigrateOptions>) => {
      const { kinds: areTold, collections } = await receiptOf(await run({ collections: { agents: [document] } }, options))
      return [areTold, collections[0]!.written.root() === sumsOf([document]).root()]
    }
    expect(await kinds({})).to.deep.equal([false, true])
    expect(await kinds({ target: { connector: 'memory', options: { store: createMemoryStore() } } })).to.deep.equal([true, false])
  })

  describe('of a retry', () => {
    const refuse = (...ids: readonly string[]): void => {
      script.refuse = ({ _id }) => (ids.includes(_id) ? tooLarge : undefined)
    }
    const retry = ({ runId }: RunReport): Promise<RunReport> => retryRun({ run: runId, target: target.endpoint, stateDir })

    it('has what was written by it', async () => {
      refuse('d003', 'd007')
      const first = await run({ collections: { agents: numbered(10), users: numbered(4) } })
      refuse('d007')
      const second = await retry(first)
      expectHeld(await receiptOf(first))
      expect((await receiptOf(first)).collections[0]!.counts).to.include({ read: 10, written: 9, failed: 1 })
      expect(second.receiptRoot).to.equal(rootOf((await receiptOf(first)).collections))
      expect(second.receiptRoot).not.to.equal(first.receiptRoot)
      refuse()
      await retry(first)
      const receipt = await receiptOf(first)
      expectHeld(receipt)
      expect(receipt.collections.map(({ counts }) => counts)).to.deep.equal([
        { read: 10, added: 0, written: 10, skipped: 0, filtered: 0, failed: 0 },
        { read: 4, added: 0, written: 4, skipped: 0, filtered: 0, failed: 0 }
      ])
      expect(existsSync(join(folderOf(first), 'receipt.next.json'))).to.equal(false)
    })

    it('is the one that the dead letters agree with, whenever its process dies', async () => {
      refuse('d003')
      const first = await run({ collections: { agents: numbered(10) } })
      const before = readFileSync(join(folderOf(first), 'receipt.json'), 'utf8')
      const letters = join(folderOf(first), 'dead-letters.ndjson')
      const end = { state: 'done', at: '', totals: first.collections[0]! } as const
      const after = before.replace('"read": 10', '"read": 11')
      const path = async (): Promise<string> => readFileSync((await receiptPath(folderOf(first)))!, 'utf8')
      const open = async (work: (folder: RunFolder) => Promise<void>): Promise<void> => {
        const folder = await RunFolder.open(stateDir, first.runId)
        try {
          await work(folder)
        } catch (error) {
          expect(error).to.include({ message: 'it died' })
        } finally {
          await folder.close()
        }
      }
      const die = (): never => {
        throw new Error('it died')
      }
      await open(folder => folder.replaceLetters(undefined, end, () => Promise.reject(new Error('it died')), after))
      expect(await path()).to.equal(before)
      await open(async () => expect(existsSync(join(folderOf(first), 'receipt.next.json'))).to.equal(false) as never)
      await open(folder =>
        folder.replaceLetters(
          undefined,
          end,
          async () => {
            rmSync(letters)
            return Promise.resolve().then(die)
          },
          after
        )
      )
      expect(await path()).to.equal(after)
      await open(async () => expect(readFileSync(join(folderOf(first), 'receipt.json'), 'utf8')).to.equal(after) as never)
    })

    it('is not begun with a damaged one', async () => {
      refuse('d003')
      const first = await run({ collections: { agents: numbered(10) } })
      const path = join(folderOf(first), 'receipt.json')
      writeFileSync(path, readFileSync(path, 'utf8').replace(/"written": "../, '"written": "zz'))
      refuse()
      expect(await failing(retry(first))).to.include({ code: 'DOCFERRY_STATE' })
      expect(held('agents')).to.have.length(9)
    })

    it('is not made up for a run without one', async () => {
      refuse('d003')
      const first = await run({ collections: { agents: numbered(10) } })
      rmSync(join(folderOf(first), 'receipt.json'))
      refuse()
      const report = await retry(first)
      expect(report.state).to.equal('done')
      expect(report.notes.join()).to.include('no receipt')
      expect(existsSync(join(folderOf(first), 'receipt.json'))).to.equal(false)
    })
  })

  it('is whole JSON of one line a field, without a document in it', async () => {
    const report = await run({ collections: { agents: [{ _id: 'secret-id', key: 'sk-secret' }] } })
    const text = readFileSync(report.receipt!, 'utf8')
    expect(text).not.to.include('secret')
    expect(parseReceipt(text, 'it').runId).to.equal(report.runId)
  })
})
