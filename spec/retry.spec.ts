/** Dead letters that are written again. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { DeadLetters } from '../lib/checkpoint/dead-letters.ts'
import { readLetters } from '../lib/checkpoint/read-letters.ts'
import { listRuns, RunFolder } from '../lib/checkpoint/run-folder.ts'
import type { RunEnd } from '../lib/checkpoint/run-folder.ts'
import type { DeadLetter } from '../lib/engine/dead-letter.ts'
import type { DocferryError } from '../lib/errors.ts'
import type { MigrateOptions } from '../lib/options.ts'
import { parseStage } from '../lib/registry.ts'
import type { RunReport } from '../lib/report.ts'
import { retryRun } from '../lib/retry.ts'
import type { RetryRunOptions } from '../lib/retry.ts'
import { migrate } from '../lib/run.ts'
import type { Document, Refusal, RejectDetails, WriteOutcome } from '../lib/types.ts'
import { Double } from '../lib/values/index.ts'
import { scriptedSource, scriptedTarget } from './support/scripted-connector.ts'
import type { ScriptedTarget, TargetRecord } from './support/scripted-connector.ts'
import { anyDocument } from './values/arbitraries.ts'
import { sameValue } from './values/same-value.ts'

const numbered = (count: number): Document[] =>
  Array.from({ length: count }, (_, index) => ({ _id: `d${String(index).padStart(2, '0')}`, index, big: 'b', other: 'o' }))
const tooLarge: Refusal = { code: 'DOCFERRY_TOO_LARGE', message: 'it is too large' }
const refused: WriteOutcome = { code: 'DOCFERRY_REFUSED', message: 'no', retryable: false, cause: new TypeError('the vendor said so') }
const reject: RejectDetails = { code: 'DOCFERRY_BAD_DOCUMENT', message: 'not valid JSON', where: 'line 7, byte 99', raw: '{"x' }

describe('retry', () => {
  let stateDir: string
  /** The target's script, which a spec changes between run and retry. */
  let script: { -readonly [Key in keyof ScriptedTarget]: ScriptedTarget[Key] }
  let target: TargetRecord
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-retry-'))
    script = { provider: 'couchdb' }
    target = scriptedTarget(script)
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  /** Its script is read each time an end is opened. */
  const ends = () => ({ target: target.endpoint, stateDir })
  const run = async (documents: Readonly<Record<string, readonly Document[]>>, options: Partial<MigrateOptions> = {}) => {
    const source = scriptedSource({ collections: documents })
    return await migrate({ source, ...ends(), ...options })
  }
  const retry = async ({ runId }: Pick<RunReport, 'runId'>, options: Partial<RetryRunOptions> = {}): Promise<RunReport> =>
    await retryRun({ run: runId, ...ends(), ...options })
  const failing = async (promise: Promise<unknown>): Promise<Error> =>
    await promise.then(
      () => expect.fail('it should have failed'),
      (error: Error) => error
    )
  const pathOf = ({ runId }: Pick<RunReport, 'runId'>): string => join(stateDir, 'runs', runId, 'dead-letters.ndjson')
  const lettersOf = (report: Pick<RunReport, 'runId'>): DeadLetter[] =>
    readFileSync(pathOf(report), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as DeadLetter)
  const idsOf = (report: Pick<RunReport, 'runId'>): (string | undefined)[] => lettersOf(report).map(({ id }) => id)
  const endOf = async ({ runId }: Pick<RunReport, 'runId'>): Promise<RunEnd> =>
    (await listRuns(stateDir)).find(found => found.runId === runId)!.end!
  const expectBalance = ({ totals }: RunEnd): void =>
    void expect(totals.read + totals.added).to.equal(totals.written + totals.skipped + totals.filtered + totals.failed)
  const refuse = (...ids: readonly string[]): void => {
    script.refuse = ({ _id }) => (ids.includes(_id) ? tooLarge : undefined)
  }
  const held = (collection: string): Document[] => [...target.collections.get(collection)!.values()]

  it('writes what can be written now, and leaves no dead letters', async () => {
    refuse('d03', 'd07')
    const first = await run({ agents: numbered(10) })
    refuse()
    const report = await retry(first)
    expect(report).to.include({ runId: first.runId, state: 'done' })
    expect(report.collections[0]).to.include({ source: 'agents', state: 'done', read: 2, written: 2, failed: 0 })
    expect(held('agents').map(({ _id }) => _id)).to.have.members(numbered(10).map(({ _id }) => _id))
    expect(existsSync(pathOf(first))).to.equal(false)
    const end = await endOf(first)
    expect(end).to.include({ state: 'done' })
    expect(end.totals).to.deep.equal({ read: 10, added: 0, written: 10, skipped: 0, filtered: 0, failed: 0 })
  })

  it('keeps what fails again, as it was, with its new cause, for its owner only', async () => {
    refuse('d03', 'd07')
    const first = await run({ agents: numbered(10) })
    const [before] = lettersOf(first).filter(({ id }) => id === 'd03')
    script.refuse = () => undefined
    script.outcome = id => (id === 'd03' ? refused : undefined)
    const report = await retry(first, { stages: [await parseStage('strip:other')] })
    expect(report).to.include({ state: 'partial', deadLetters: pathOf(first) })
    expect(lettersOf(first)).to.deep.equal([{ ...before, code: 'DOCFERRY_REFUSED', message: 'no', cause: 'TypeError: the vendor said so' }])
    expect(before?.document).to.include({ other: 'o' })
    expect(statSync(pathOf(first)).mode & 0o777).to.equal(0o600)
    expect((await endOf(first)).totals).to.include({ written: 9, failed: 1 })
    expectBalance(await endOf(first))
  })

  it('can be done again and again', async () => {
    refuse('d01', 'd02', 'd03')
    const first = await run({ agents: numbered(5) })
    for (const left of [['d02', 'd03'], ['d03'], []]) {
      refuse(...left)
      await retry(first)
      if (left.length > 0) expect(idsOf(first)).to.deep.equal(left)
      expect((await endOf(first)).totals).to.include({ read: 5, written: 5 - left.length, failed: left.length })
    }
    expect(await endOf(first)).to.include({ state: 'done' })
  })

  it('is not undone by going on with the run, which is over', async () => {
    refuse('d03', 'd07')
    const first = await run({ a: numbered(10) })
    refuse('d07')
    await retry(first)
    const end = await endOf(first)
    const error = (await failing(run({ a: numbered(10) }, { resume: first.runId }))) as DocferryError
    expect(error.code).to.equal('DOCFERRY_RUN_UNFIT')
    expect(error.message).to.include('has come to its end').and.include(`docferry retry ${first.runId}`)
    expect(await endOf(first)).to.deep.equal(end)
    expect(idsOf(first)).to.deep.equal(['d07'])
  })

  it('applies stages first', async () => {
    script.refuse = document => ('big' in document ? tooLarge : undefined)
    const first = await run({ agents: numbered(3) })
    const report = await retry(first, { stages: [await parseStage('strip:big'), await parseStage('rename:other=else')] })
    expect(report).to.include({ state: 'done' })
    expect(held('agents')).to.deep.equal(numbered(3).map(({ _id, index }) => ({ _id, index, else: 'o' })))
  })

  it('does not apply the stages of the run to what has them behind it', async () => {
    refuse('d01')
    const stages = [await parseStage('rename:big=other,other=big')]
    const first = await run({ agents: numbered(2).map(({ _id }) => ({ _id, big: 1, other: 2 })) }, { stages })
    refuse()
    await retry(first)
    expect(target.collections.get('agents')!.get('d01')).to.deep.equal({ _id: 'd01', other: 1, big: 2 })
  })

  it('leaves nothing out and strips nothing of what has the built-in stages behind it', async () => {
    refuse('_design/made')
    const make = { name: 'make', apply: ({ _id }: Document) => ({ _id: `_design/${_id}`, _rev: 'own' }) }
    const first = await run({ agents: [{ _id: 'made' }] }, { stages: [make] })
    refuse()
    expect(await retry(first)).to.include({ state: 'done' })
    expect(held('agents')).to.deep.equal([{ _id: '_design/made', _rev: 'own' }])
  })

  it('gives collections the names that they got in the run, and fills each batch with one of them', async () => {
    const [agents, users] = [numbered(6), numbered(6).map(({ _id }) => ({ _id: `u${_id}` }))]
    script.refuse = () => tooLarge
    const first = await run({ agents, users, empty: [] }, { rename: { users: 'people', empty: 'nothing' } })
    const lines = readFileSync(pathOf(first), 'utf8').trimEnd().split('\n')
    const mixed = lines.map((_, index) => lines[(index * 7) % lines.length]!)
    writeFileSync(pathOf(first), `${mixed.join('\n')}\n`)
    refuse()
    const report = await retry(first)
    expect(report.collections.map(collection => [collection.source, collection.target, collection.written])).to.have.deep.members([
      ['agents', 'agents', 6],
      ['users', 'people', 6]
    ])
    expect(target.writes.map(({ collection, ids }) => [collection, ids.length])).to.have.deep.members([
      ['agents', 6],
      ['people', 6]
    ])
  })

  it('is asked what the run was asked, unless told otherwise', async () => {
    target = scriptedTarget({ ...script, held: { agents: [{ _id: 'd00', kept: true }] } })
    const first = await run({ agents: numbered(2) }, { onConflict: 'fail' })
    expect(first.collections[0]).to.include({ written: 1, failed: 1 })
    expect(await retry(first)).to.include({ onConflict: 'fail', state: 'partial' })
    const { collections, onConflict } = await retry(first, { onConflict: 'overwrite' })
    expect(onConflict).to.equal('overwrite')
    expect(collections[0]).to.include({ written: 1 })
    expect(target.collections.get('agents')!.get('d00')).to.include({ index: 0 })
  })

  it('takes what is skipped, and what a stage leaves out, from the dead letters', async () => {
    target = scriptedTarget({ ...script, held: { agents: [{ _id: 'd00', kept: true }] } })
    const first = await run({ agents: numbered(2) }, { onConflict: 'fail' })
    const leaveOut = { name: 'none', apply: () => undefined }
    expect((await retry(first, { onConflict: 'skip' })).collections[0]).to.include({ skipped: 1 })
    expect((await endOf(first)).totals).to.include({ written: 1, skipped: 1, failed: 0 })
    const other = await run({ agents: numbered(1) }, { onConflict: 'fail' })
    const report = await retry(other, { stages: [leaveOut] })
    expect(report.collections[0]?.filteredBy).to.deep.equal({ none: 1 })
    expect((await endOf(other)).totals).to.include({ filtered: 1, failed: 0 })
    expect(existsSync(pathOf(other))).to.equal(false)
  })

  it('keeps a letter once of which stages made several, where some of them fail, and the counts add up', async () => {
    script.refuse = ({ _id }) => (_id === 'd00' ? tooLarge : undefined)
    const first = await run({ agents: numbered(2) })
    const before = lettersOf(first)
    script.refuse = ({ _id }) => (/[23]$/.test(_id) ? { ...tooLarge, message: 'still' } : undefined)
    const split = { name: 'split', apply: ({ _id }: Document) => [1, 2, 3].map(part => ({ _id: `${_id}-${part}` })) }
    expect((await retry(first, { stages: [split] })).collections[0]).to.include({ read: 1, added: 2, written: 1, failed: 2 })
    expect(lettersOf(first)).to.deep.equal([{ ...before[0], message: 'still' }])
    expect((await endOf(first)).totals).to.include({ failed: 1 })
    expectBalance(await endOf(first))
    refuse()
    expect((await retry(first, { stages: [split] })).collections[0]).to.include({ written: 3, failed: 0 })
    expectBalance(await endOf(first))
  })

  it('tells letters apart that never were documents, and leaves them as they are', async () => {
    refuse('d00')
    const source = scriptedSource({ collections: { agents: numbered(2) }, rejects: [reject] })
    const first = await migrate({ source, ...ends() })
    const before = lettersOf(first).find(({ at }) => at === 'read')
    refuse()
    const report = await retry(first)
    expect(report).to.include({ state: 'partial' })
    expect(report.collections[0]).to.include({ read: 2, written: 1, failed: 1 })
    expect(report.collections[0]?.failures).to.deep.equal([
      { code: 'DOCFERRY_BAD_DOCUMENT', message: 'not valid JSON', count: 1, examples: ['line 7, byte 99'] }
    ])
    expect(report.notes.join()).to.include('1 dead letter never was a document')
    expect(lettersOf(first)).to.deep.equal([before])
    expect((await endOf(first)).totals).to.include({ read: 3, written: 2, failed: 1 })
  })

  it('leaves letters whose document no text can hold', async () => {
    const strange = { _id: 'strange', made: new Date(0) } as unknown as Document
    refuse('strange')
    const first = await run({ agents: [strange] })
    const [before] = lettersOf(first)
    expect(before).to.include.keys('withoutDocument')
    refuse()
    const report = await retry(first)
    expect(report.collections[0]).to.include({ read: 1, failed: 1 })
    expect(report.notes.join()).to.include('without the document')
    expect(lettersOf(first)).to.deep.equal([before])
  })

  it('keeps a document that is nested too deeply as its text, and writes it once a stage has made it flat', async () => {
    const levels = 30_000
    const text = `{"_id":"deep","n":${'{"in":'.repeat(levels)}1${'}'.repeat(levels)},"rest":["\\u0000é",1.5]}`
    refuse('deep')
    const first = await run({ agents: [JSON.parse(text) as Document] })
    const before = lettersOf(first)
    expect(before[0]).to.include({ id: 'deep', raw: text })
    const again = await retry(first)
    expect(again.collections[0]).to.include({ read: 1, failed: 1 })
    expect(lettersOf(first)[0]).to.include({ raw: text })
    refuse()
    const flat = await retry(first, { stages: [document => ({ ...document, n: 'flat' })] })
    expect(flat.collections[0]).to.include({ read: 1, written: 1, failed: 0 })
    expect(target.collections.get('agents')!.get('deep')).to.deep.equal({ _id: 'deep', n: 'flat', rest: ['\u0000é', 1.5] })
  })

  it('leaves a deep document that cannot be read again as exactly, and says where its text is', async () => {
    const levels = 1100
    const deep = {
      _id: 'deep',
      n: JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as Document['n'],
      one: new Double(1)
    } as Document
    refuse('deep')
    const first = await run({ agents: [deep] })
    const [before] = lettersOf(first)
    expect(before).to.include({ raw: `{"_id":"deep","n":${'['.repeat(levels)}${']'.repeat(levels)},"one":1.0}` })
    refuse()
    const report = await retry(first)
    expect(report.collections[0]).to.include({ read: 1, failed: 1 })
    expect(report.notes.join()).to.include('its text as "raw"')
    expect(lettersOf(first)).to.deep.equal([before])
  })

  it('gives documents back with every value as it was', async () => {
    const documentsOfSeveralIds = fc.uniqueArray(anyDocument, { selector: ({ _id }) => _id, minLength: 1, maxLength: 5 })
    refuse('d00')
    const first = await run({ agents: numbered(1) })
    await fc.assert(
      fc.asyncProperty(documentsOfSeveralIds, async documents => {
        rmSync(pathOf(first))
        const letters = new DeadLetters(pathOf(first))
        for (const document of [...documents, ...numbered(1)])
          await letters.add({ collection: 'agents', id: document._id, at: 'write', code: 'DOCFERRY_REFUSED', message: 'no', document })
        await letters.close()
        target.collections.clear()
        // One fails each time, so that the run has dead letters for the next.
        expect((await retry(first)).collections[0]).to.include({ written: documents.length, failed: 1 })
        for (const document of documents) sameValue(target.collections.get('agents')!.get(document._id)!, document)
      }),
      { numRuns: 60 }
    )
  })

  it('keeps every value of what fails again', async () => {
    refuse('d00')
    const first = await run({ agents: numbered(1) })
    await fc.assert(
      fc.asyncProperty(anyDocument, async document => {
        rmSync(pathOf(first))
        const letters = new DeadLetters(pathOf(first))
        await letters.add({ collection: 'agents', id: document._id, at: 'write', code: 'DOCFERRY_REFUSED', message: 'no', document })
        await letters.close()
        refuse(document._id)
        await retry(first)
        for await (const { letter } of readLetters(pathOf(first))) {
          expect(letter.code).to.equal(tooLarge.code)
          sameValue(letter.document!, document)
        }
      }),
      { numRuns: 60 }
    )
  })

  it('puts documents that failed in a stage through the stages of the run', async () => {
    refuse('d00')
    const first = await run({ agents: numbered(1) }, { stages: [await parseStage('rename:other=else')] })
    const [letter] = lettersOf(first)
    const document = { ...numbered(1)[0], _rev: '1-a' }
    writeFileSync(pathOf(first), `${JSON.stringify({ ...letter, at: 'stage', document })}\n`)
    refuse()
    await retry(first, { stages: [await parseStage('strip:big')] })
    expect(held('agents')).to.deep.equal([{ _id: 'd00', index: 0, else: 'o' }])
  })

  it('says where text can not name the stages that documents have before them, and takes them', async () => {
    refuse('d00')
    const mask = { name: 'mask', apply: (document: Document) => ({ ...document, big: '***' }) }
    const first = await run({ agents: numbered(1) }, { stages: [mask] })
    const [letter] = lettersOf(first)
    writeFileSync(pathOf(first), `${JSON.stringify({ ...letter, at: 'stage', document: numbered(1)[0] })}\n`)
    refuse()
    const error = await failing(retry(first))
    expect(error).to.include({ code: 'DOCFERRY_RUN_UNFIT' })
    expect(error.message).to.include('mask').and.include('runStages')
    await retry(first, { runStages: [mask] })
    expect(held('agents')[0]).to.include({ big: '***' })
  })

  describe('that does not come to its end', () => {
    it('leaves the dead letters as they were, and takes what it wrote for written the next time', async () => {
      script.refuse = () => tooLarge
      const first = await run({ agents: numbered(25) }, { onConflict: 'fail' })
      const before = readFileSync(pathOf(first))
      const end = await endOf(first)
      refuse()
      let broken = true
      const stage = {
        name: 'own',
        apply(document: Document) {
          if (broken && document._id === 'd15') throw new Error('broken')
          return document
        }
      }
      const error = await failing(retry(first, { stages: [stage] }))
      expect(error).to.include({ code: 'DOCFERRY_STAGE' })
      expect(held('agents')).to.have.length(15)
      expect(readFileSync(pathOf(first))).to.deep.equal(before)
      expect(await endOf(first)).to.deep.equal(end)
      expect(readdirSync(join(stateDir, 'runs', first.runId)).filter(name => name.includes('retry'))).to.deep.equal([])
      broken = false
      const report = await retry(first, { stages: [stage] })
      expect(report.collections[0]).to.include({ read: 25, written: 25, failed: 0 })
      expect(await endOf(first)).to.include({ state: 'done' })
    })

    it('leaves them too when it is interrupted, and says so', async () => {
      script.refuse = () => tooLarge
      const first = await run({ agents: numbered(25) })
      const before = readFileSync(pathOf(first))
      refuse()
      const abort = new AbortController()
      script.beforeWrite = () => abort.abort()
      const error = await failing(retry(first, { signal: abort.signal }))
      expect(error).to.include({ code: 'DOCFERRY_INTERRUPTED' })
      expect(error.message).to.include('the dead letters are as they were')
      expect(readFileSync(pathOf(first))).to.deep.equal(before)
    })

    it('leaves them when the disk is full', async () => {
      refuse('d01', 'd02')
      const first = await run({ agents: numbered(3) })
      const before = readFileSync(pathOf(first))
      const end = await endOf(first)
      script.refuse = document => {
        const partial = `${pathOf(first)}.retry`
        if (!existsSync(partial)) symlinkSync('/dev/full', partial)
        return document._id === 'd01' ? tooLarge : undefined
      }
      const error = await failing(retry(first))
      expect(error).to.include({ code: 'DOCFERRY_STATE' })
      expect(error.message).to.include('ENOSPC')
      expect(readFileSync(pathOf(first))).to.deep.equal(before)
      expect(await endOf(first)).to.deep.equal(end)
      refuse()
      expect(await retry(first)).to.include({ state: 'done' })
    })

    it('begins anew where a process died that had letters to keep', async () => {
      refuse('d01', 'd02')
      const first = await run({ agents: numbered(3) })
      writeFileSync(`${pathOf(first)}.retry`, '{"half')
      refuse('d02')
      await retry(first)
      expect(idsOf(first)).to.deep.equal(['d02'])
    })

    for (const [left, name] of [
      [['d02'], 'the letters that are left'],
      [[], 'no letters']
    ] as const) {
      it(`counts right where a process died between ${name} and the counts`, async () => {
        refuse('d01', 'd02')
        const first = await run({ agents: numbered(4) })
        refuse(...left)
        const { end } = RunFolder.prototype
        RunFolder.prototype.end = () => Promise.reject(new Error('died'))
        try {
          expect(await failing(retry(first))).to.have.property('message', 'died')
        } finally {
          RunFolder.prototype.end = end
        }
        expect((await endOf(first)).totals).to.deep.equal({
          read: 4,
          added: 0,
          written: 4 - left.length,
          skipped: 0,
          filtered: 0,
          failed: left.length
        })
        expect(await endOf(first)).to.include({ state: left.length > 0 ? 'partial' : 'done' })
      })
    }

    it('counts as before where a process died before the letters were replaced', async () => {
      refuse('d01', 'd02')
      const first = await run({ agents: numbered(4) })
      const end = await endOf(first)
      const folder = await RunFolder.open(stateDir, first.runId)
      const partial = `${pathOf(first)}.retry`
      writeFileSync(partial, '')
      await failing(folder.replaceLetters(partial, { ...end, state: 'done' }, () => Promise.reject(new Error('died'))))
      await folder.close()
      expect(await endOf(first)).to.deep.equal(end)
      refuse()
      await retry(first)
      expect((await endOf(first)).totals).to.include({ written: 4, failed: 0 })
    })
  })

  it('says what it would do, and changes nothing', async () => {
    refuse('d01', 'd02')
    const first = await run({ agents: numbered(4) })
    const before = readFileSync(pathOf(first))
    refuse('d02')
    const refusals: unknown[] = []
    const report = await retry(first, { dryRun: true, onRefused: found => void refusals.push(found) })
    expect(report).to.include({ dryRun: true, state: 'partial' })
    expect(report.collections[0]).to.include({ read: 2, written: 1, failed: 1 })
    expect(refusals).to.have.length(1)
    expect(held('agents')).to.have.length(2)
    expect(readFileSync(pathOf(first))).to.deep.equal(before)
    expect((await endOf(first)).totals).to.include({ written: 2, failed: 2 })
    expect(await retry(first)).to.include({ state: 'partial' })
  })

  it('counts letters as filtered that were taken from the file by hand', async () => {
    refuse('d01', 'd02')
    const first = await run({ agents: numbered(4) })
    writeFileSync(pathOf(first), `${readFileSync(pathOf(first), 'utf8').split('\n')[0]}\n`)
    refuse()
    const report = await retry(first)
    expect(report.notes.join()).to.include('taken from the file')
    expect((await endOf(first)).totals).to.deep.equal({ read: 4, added: 0, written: 3, skipped: 0, filtered: 1, failed: 0 })
  })

  it('takes letters that were mended by hand, whatever wrote them', async () => {
    refuse('d00')
    const first = await run({ ä: numbered(1) })
    const [letter] = lettersOf(first)
    const mended = JSON.stringify({ id: 'x', ...letter, document: { _id: 'd00', mended: true } }, null, 1).replaceAll('\n', ' ')
    writeFileSync(pathOf(first), `\n${mended.replace('ä', '\\u00e4')}\n`)
    refuse()
    await retry(first)
    expect(held('ä')).to.deep.equal([{ _id: 'd00', mended: true }])
  })

  it('names a line that is no dead letter, and changes nothing', async () => {
    refuse('d00', 'd01')
    const first = await run({ agents: numbered(2) })
    const whole = readFileSync(pathOf(first))
    writeFileSync(pathOf(first), whole.subarray(0, -10))
    const writes = target.writes.length
    const error = await failing(retry(first))
    expect(error).to.include({ code: 'DOCFERRY_STATE' })
    expect(error.message).to.include(`line 2 of ${pathOf(first)}`)
    expect(error.message).not.to.include('index')
    expect(target.writes).to.have.length(writes)
  })

  it('has nothing to retry in a run without dead letters', async () => {
    const first = await run({ agents: numbered(2) })
    const error = await failing(retry(first))
    expect(error).to.include({ code: 'DOCFERRY_RUN_UNFIT' })
    expect(error.message).to.include(`the run ${first.runId} has no dead letters`)
  })

  it('wants a run to have come to its end', async () => {
    const source = scriptedSource({ collections: { agents: numbered(2) }, beforePage: () => Promise.reject(new Error('broken')) })
    await failing(migrate({ source, ...ends() }))
    const { runId } = (await listRuns(stateDir))[0]!
    const error = await failing(retry({ runId }))
    expect(error).to.include({ code: 'DOCFERRY_RUN_UNFIT' })
    expect(error.message).to.include(`docferry resume ${runId}`)
  })

  it('says that the dead letters are gone', async () => {
    refuse('d00')
    const first = await run({ agents: numbered(2) })
    rmSync(pathOf(first))
    expect(await failing(retry(first))).to.include({ code: 'DOCFERRY_STATE' })
  })

  it('writes to the place of the run only', async () => {
    refuse('d00')
    const first = await run({ agents: numbered(2) })
    const elsewhere = scriptedTarget({ provider: 'couchdb', identity: 'elsewhere' })
    const error = await failing(retry(first, { target: elsewhere.endpoint }))
    expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
    expect(error.message).to.include('wrote to couchdb scripted target')
    expect(elsewhere.prepared).to.deep.equal([])
  })

  it('asks for a target that was not kept', async () => {
    refuse('d00')
    const first = await run({ agents: numbered(2) })
    const error = await failing(retryRun({ run: first.runId, stateDir }))
    expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
    expect(error.message).to.include('--target')
  })

  it('adds nothing to a file, which is whole', async () => {
    const path = join(stateDir, 'out.ndjson')
    const source = scriptedSource({ collections: { agents: numbered(2) }, rejects: [reject] })
    const first = await migrate({ source, target: path, stateDir })
    const before = readFileSync(path)
    const error = await failing(retryRun({ run: first.runId, stateDir }))
    expect(error).to.include({ code: 'DOCFERRY_RUN_UNFIT' })
    expect(error.message).to.include('export it again')
    expect(readFileSync(path)).to.deep.equal(before)
  })

  it('adds to a memory snapshot', async () => {
    const snapshot = join(stateDir, 'snapshot.json')
    writeFileSync(snapshot, JSON.stringify({ data: { agents: [{ _id: 'd00', there: true }] } }))
    const source = scriptedSource({ collections: { agents: numbered(2) } })
    const first = await migrate({ source, target: `memory:${snapshot}`, stateDir, onConflict: 'fail' })
    expect(first.collections[0]).to.include({ written: 1, failed: 1 })
    expect(await retryRun({ run: first.runId, stateDir, onConflict: 'overwrite' })).to.include({ state: 'done' })
    expect(readFileSync(snapshot, 'utf8')).to.include('"d01"').and.not.include('there')
  })

  it('is refused while another process holds the run', async () => {
    refuse('d00')
    const first = await run({ agents: numbered(2) })
    const folder = await RunFolder.open(stateDir, first.runId)
    try {
      expect(await failing(retry(first))).to.include({ code: 'DOCFERRY_RUN_BUSY' })
    } finally {
      await folder.close()
    }
  })
})
