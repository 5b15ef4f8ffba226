/** The fault table: whole commands over networks and servers that fail. Nothing is lost, nothing hangs, and no secret is told. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import type { Ended } from './cli/support/docferry.ts'
import { docferryWords, leaks, reportOf, runHere, runWords } from './faults/command.ts'
import { apiKey, couchdbEnd, dynamodbEnd, firestoreEnd, makeDocuments } from './faults/ends.ts'
import type { DatabaseName, FaultyEnd } from './faults/ends.ts'
import { couchdbFaults, couchdbLasting, dynamodbFaults, dynamodbLasting, firestoreFaults, firestoreLasting } from './faults/faults.ts'
import type { LastingFault, PassingFault, Role } from './faults/faults.ts'
import { printTable } from './faults/table.ts'
import type { FaultRow } from './faults/table.ts'
import { compare, fill } from './support/chaos-ends.ts'
import type { Place } from './support/chaos-ends.ts'
import { uniqueName } from './support/servers.ts'

const count = 1_200
const documents = makeDocuments(count)
const pair = { source: 'file:', target: 'file:' } as const
const rows: FaultRow[] = []

after(() => printTable(rows))

/** A command, and what it moves through the proxy. */
class FaultRun<Request, Action> {
  readonly #end: FaultyEnd<Request, Action>
  readonly #role: Role
  readonly #stateDir: string
  readonly #target: Place
  /** Of the target. */
  readonly collection: string
  readonly #args: readonly string[]
  readonly said: Ended[] = []
  readonly #startedAt = performance.now()

  constructor(end: FaultyEnd<Request, Action>, role: Role, folder: string, collection: string) {
    const own = mkdtempSync(join(folder, 'run-'))
    this.#end = end
    this.#role = role
    this.#stateDir = join(own, 'state')
    this.collection = collection
    const output = join(own, 'out.ndjson')
    const ends = role === 'target' ? [join(folder, 'docs.ndjson'), end.address] : [end.address, `file:${output}`]
    this.#target = role === 'target' ? end.place : { end: { connector: 'file', options: { path: output } }, remove: async () => undefined }
    this.#args = ['migrate', '--source', ends[0]!, '--target', ends[1]!, '--collections', 'docs', '--rename', `docs=${collection}`]
  }

  get isHit(): (request: Request) => boolean {
    return this.#role === 'target' ? this.#end.isWrite : this.#end.isRead
  }

  begin(onSaid?: (stderr: string) => void): Promise<Ended> {
    return this.#run(this.#args, onSaid)
  }

  resume(): Promise<Ended> {
    return this.#run(['resume', `--${this.#role}`, this.#end.address])
  }

  /** With all its patience. */
  async beginAsProcess(): Promise<Ended> {
    const words = [...docferryWords, ...this.#args, ...this.#common]
    const ended = await runWords(words, { env: this.#end.env, cwd: dirname(this.#stateDir) })
    this.said.push(ended)
    return ended
  }

  async #run(args: readonly string[], onSaid?: (stderr: string) => void): Promise<Ended> {
    const ended = await runHere([...args, ...this.#common], { env: { ...this.#end.env }, ...(onSaid && { onSaid }) })
    this.said.push(ended)
    return ended
  }

  get #common(): readonly string[] {
    return ['--json', '--log-level', 'debug', '--no-progress', '--state-dir', this.#stateDir]
  }

  /** Compare, and put it in the table. */
  async check(fault: string): Promise<void> {
    const { proxy, secrets, name, isWrite, documentsIn } = this.#end
    const { lost, doubled, changed } = await compare(this.#target, { docs: documents }, { docs: this.collection }, pair)
    const sent = proxy.requests.filter(isWrite).reduce((sum, request) => sum + documentsIn(request), 0)
    const rewritten = this.#role === 'target' ? sent - count : undefined
    rows.push({
      end: `${name} ${this.#role}`,
      fault,
      documents: count,
      hit: proxy.hits,
      lost,
      doubled,
      rewritten,
      exitCodes: this.said.map(({ code }) => code),
      seconds: (performance.now() - this.#startedAt) / 1000
    })
    expect({ lost, doubled, changed }).to.deep.equal({ lost: 0, doubled: 0, changed: 0 })
    expect(leaks([apiKey, ...secrets], this.said, this.#stateDir)).to.deep.equal([])
  }
}

const wholeCounts = { read: count, added: 0, written: count, skipped: 0, filtered: 0, failed: 0 }

/** The requests behind so many. */
function behind<Request>(count: number, isHit: (request: Request) => boolean): (request: Request) => boolean {
  let seen = 0
  return request => isHit(request) && ++seen > count
}

function describeFaults<Request, Action>(
  name: DatabaseName,
  open: (folder: string) => Promise<FaultyEnd<Request, Action>>,
  passing: readonly PassingFault<Action>[],
  lasting: readonly LastingFault<Action>[]
): void {
  describe(`faults: ${name}`, function () {
    this.timeout(60_000)
    let end: FaultyEnd<Request, Action>
    let folder: string
    const made = ['docs']

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'docferry-faults-'))
      writeFileSync(join(folder, 'docs.ndjson'), documents.map(document => `${JSON.stringify(document)}\n`).join(''))
      end = await open(folder)
      await end.place.remove(['docs'])
      await fill(end.place, { docs: documents }, folder)
    })
    beforeEach(() => {
      end.proxy.faults.length = 0
      end.proxy.forget()
    })
    after(async () => {
      await end.proxy.close()
      await end.place.remove(made)
      rmSync(folder, { recursive: true, force: true })
    })
    const makeRun = (role: Role): FaultRun<Request, Action> => {
      const collection = role === 'target' ? uniqueName('faults') : 'docs'
      if (role === 'target') made.push(collection)
      return new FaultRun(end, role, folder, collection)
    }
    /** From the first request on that matches, nothing listens. */
    const addGoingDown = (match: (request: Request) => boolean): { down?: Promise<void> } => {
      const state: { down?: Promise<void> } = {}
      const goDown = (request: Request): boolean => {
        if (match(request)) state.down ??= end.proxy.goDown()
        return false
      }
      end.proxy.faults.push({ match: goDown, action: undefined as never })
      return state
    }

    for (const role of ['source', 'target'] as const) {
      const middle = (run: FaultRun<Request, Action>): ((request: Request) => boolean) =>
        behind(role === 'target' ? 1 : end.readsBefore, run.isHit)

      for (const { name: fault, actions, of = role, lasts } of passing) {
        if (of !== role) continue
        it(`${role}: ${fault}: all documents arrive`, async () => {
          const run = makeRun(role)
          const match = middle(run)
          end.proxy.faults.push(...actions.map(action => ({ match, action, times: lasts ? Infinity : 1 })))
          expectDone(await run.begin())
          expect(end.proxy.hits, 'requests hit').to.be.at.least(actions.length)
          await run.check(fault)
        })
      }

      it(`${role}: server gone for a moment: all documents arrive`, async () => {
        const run = makeRun(role)
        const state = addGoingDown(middle(run))
        let back: Promise<void> | undefined
        const ended = await run.begin(said => {
          if (state.down && said.split('trying again').length > 2) back ??= state.down.then(() => end.proxy.comeBack())
        })
        expectDone(ended)
        expect(back, 'it came back').to.not.equal(undefined)
        await run.check('server gone for a moment')
      })

      for (const { name: fault, action, error, firstRead } of lasting) {
        it(`${role}: ${fault}: the run ends with ${error}, and goes on`, async () => {
          const run = makeRun(role)
          const isSingle = role === 'source' && firstRead !== undefined
          if (isSingle) end.proxy.faults.push({ match: run.isHit, action: firstRead })
          const match = behind(isSingle ? 0 : 1, run.isHit)
          const state = action ? {} : addGoingDown(match)
          if (action) end.proxy.faults.push({ match, action, times: Infinity })
          const ended = await (error === 'DOCFERRY_AUTH' ? run.beginAsProcess() : run.begin())
          expect(ended.code, ended.stderr).to.equal(10)
          expect(reportOf(ended)).to.deep.include({ exitCode: 10, state: 'failed' })
          expect(reportOf(ended).error?.code).to.equal(error)
          end.proxy.faults.length = 0
          await state.down
          if (state.down) await end.proxy.comeBack()
          expectDone(await run.resume())
          await run.check(fault)
        })
      }
    }
  })
}

function expectDone(ended: Ended): void {
  expect(ended.code, ended.stderr).to.equal(0)
  expect(reportOf(ended)).to.deep.include({ exitCode: 0, state: 'done', totals: wholeCounts })
}

describeFaults('couchdb', couchdbEnd, couchdbFaults, couchdbLasting)
describeFaults('dynamodb', dynamodbEnd, dynamodbFaults, dynamodbLasting)
describeFaults('firestore', firestoreEnd, firestoreFaults, firestoreLasting)
