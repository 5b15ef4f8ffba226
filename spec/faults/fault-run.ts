/** One command whose documents go through a proxy that fails, and what must hold of it whatever the fault was. */
import { mkdtempSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import type { Document } from '../../lib/types.ts'
import type { Ended } from '../cli/support/docferry.ts'
import { compare } from '../support/chaos-ends.ts'
import type { Place } from '../support/chaos-ends.ts'
import { docferryWords, leaks, reportOf, runHere, runWords } from './command.ts'
import type { CommandOptions } from './command.ts'
import { apiKey, makeDocuments } from './ends.ts'
import type { FaultyEnd } from './ends.ts'
import type { Role } from './faults.ts'
import { documentsLeftOut } from './faults.ts'
import type { FaultRow } from './table.ts'

export const count = 1_200
export const documents = makeDocuments(count)
export const wholeCounts = { read: count, added: 0, written: count, skipped: 0, filtered: 0, failed: 0 }

export interface FaultRunOptions<Request, Action> {
  readonly end: FaultyEnd<Request, Action>
  readonly role: Role
  /** Holds `docs.ndjson`. */
  readonly folder: string
  /** Of the target. */
  readonly collection: string
  readonly rows: FaultRow[]
  readonly args?: readonly string[]
  /** Whether calls get no answer. */
  readonly isStalled?: boolean
  /** What the target holds at the end. Default: the documents of the source. */
  readonly expected?: readonly Document[]
  /** Documents that are sent twice also where nothing fails, and again where their batch goes again. Default none. */
  readonly alwaysAgain?: number
}

export class FaultRun<Request, Action extends { readonly type: string }> {
  readonly #options: FaultRunOptions<Request, Action>
  readonly #stateDir: string
  readonly #target: Place
  readonly #args: readonly string[]
  readonly said: Ended[] = []
  /** Requests that came before the run was gone on with. */
  #beforeResume = 0
  readonly #startedAt = performance.now()

  constructor(options: FaultRunOptions<Request, Action>) {
    const { end, role, folder, collection, args = [], isStalled = false } = options
    const own = mkdtempSync(join(folder, 'run-'))
    this.#options = options
    this.#stateDir = join(own, 'state')
    const output = join(own, 'out.ndjson')
    const address = isStalled ? end.impatientAddress : end.address
    const [source, target] = role === 'target' ? [join(folder, 'docs.ndjson'), address] : [address, `file:${output}`]
    this.#target = role === 'target' ? end.place : { end: { connector: 'file', options: { path: output } }, remove: async () => undefined }
    const ends = ['--source', source, '--target', target]
    this.#args = ['migrate', ...ends, '--collections', 'docs', '--rename', `docs=${collection}`, ...args]
  }

  get isHit(): (request: Request) => boolean {
    const { end, role } = this.#options
    return role === 'target' ? end.isWrite : end.isRead
  }

  begin(more: Pick<CommandOptions, 'onSaid' | 'attempts'> = {}): Promise<Ended> {
    return this.#run(this.#args, more)
  }

  resume(): Promise<Ended> {
    const { end, role } = this.#options
    this.#beforeResume = end.proxy.requests.length
    return this.#run(['resume', `--${role}`, end.address])
  }

  /** With all its patience. */
  async beginAsProcess(): Promise<Ended> {
    const words = [...docferryWords, ...this.#args, ...this.#common]
    const ended = await runWords(words, { env: this.#options.end.env, cwd: dirname(this.#stateDir) })
    this.said.push(ended)
    return ended
  }

  async #run(args: readonly string[], more: Pick<CommandOptions, 'onSaid' | 'attempts'> = {}): Promise<Ended> {
    const ended = await runHere([...args, ...this.#common], { env: { ...this.#options.end.env }, ...more })
    this.said.push(ended)
    return ended
  }

  get #common(): readonly string[] {
    return ['--json', '--log-level', 'debug', '--no-progress', '--state-dir', this.#stateDir]
  }

  /** How often the system refused a connection, by what the commands said. */
  get refusals(): number {
    return this.said.reduce((sum, { stderr }) => sum + refusals(stderr), 0)
  }

  /**
   * Compare, and put it in the table: the fault has happened, nothing is lost, and no more is sent again than what the fault hit.
   *
   * @param isNoticed whether docferry had to ask again, or to end, because of it
   */
  async check(fault: string, { isNoticed = true } = {}): Promise<void> {
    const { end, role, collection, expected = documents, rows } = this.#options
    const { lost, doubled, changed } = await compare(this.#target, { docs: expected }, { docs: collection }, anyPair)
    const rewritten = role === 'target' ? this.#sent - count : undefined
    rows.push({
      end: `${end.name} ${role}`,
      fault,
      documents: count,
      hit: end.proxy.hits + this.refusals,
      lost,
      doubled,
      rewritten,
      exitCodes: this.said.map(({ code }) => code),
      seconds: (performance.now() - this.#startedAt) / 1000
    })
    expect({ lost, doubled, changed }).to.deep.equal({ lost: 0, doubled: 0, changed: 0 })
    expect(end.proxy.hits, 'requests hit').to.be.at.least(1)
    const asksAgain = this.said.some(ended => reportOf(ended).retries > 0 || ended.code === 10)
    expect(asksAgain || (rewritten ?? 0) > 0, 'noticed').to.equal(isNoticed)
    if (rewritten !== undefined) expect(rewritten, 'documents sent again').to.be.at.most(this.#mayBeSentAgain)
    expect(leaks([apiKey, ...end.secrets], this.said, this.#stateDir)).to.deep.equal([])
  }

  get #sent(): number {
    const { proxy, isWrite, indexesIn } = this.#options.end
    return proxy.requests.filter(isWrite).reduce((sum, request) => sum + indexesIn(request).length, 0)
  }

  /** Writes that may have been under way on the connection of another. */
  #besides(request: Request): Request[] {
    const { proxy, isWrite, sharedBy = 1 } = this.#options.end
    const writes = proxy.requests.filter(isWrite)
    const at = writes.indexOf(request)
    return writes.slice(Math.max(0, at - sharedBy + 1), at + sharedBy)
  }

  /**
   * What was in the requests that a fault hit, or that were given up before their answer, and was not taken; where the run was gone on with,
   * also what was taken behind the first of these, or before it since the last mark.
   */
  get #mayBeSentAgain(): number {
    const { end, alwaysAgain = 0 } = this.#options
    const { proxy, isWrite, indexesIn, batchOf, batchCount } = end
    const hits = proxy.hit.filter(({ request }) => isWrite(request))
    const ofHits = hits.map(({ request, action }) => documentsLeftOut(action, indexesIn(request).length) ?? batchOf(request))
    const givenUp = proxy.givenUp.filter(isWrite)
    const cut = hits.filter(({ action }) => endsConnection(action)).flatMap(({ request }) => this.#besides(request))
    const alongWith = [...new Set(cut)].filter(request => !givenUp.includes(request) && !hits.some(hit => hit.request === request))
    const missed = new Set([...hits.map(({ request }) => request), ...givenUp, ...alongWith])
    const firstMissed = Math.min(...[...missed].flatMap(indexesIn))
    const lastMark = Math.floor(firstMissed / batchCount) * batchCount
    const behindMark = proxy.requests
      .slice(0, this.#beforeResume)
      .filter(request => isWrite(request) && !missed.has(request))
      .map(request => indexesIn(request).filter(index => index >= lastMark).length)
    const again = [...ofHits, ...[...givenUp, ...alongWith].map(batchOf), ...behindMark].reduce((sum, number) => sum + number, 0)
    return alwaysAgain === 0 ? again : 2 * again + alwaysAgain
  }
}

function endsConnection(action: { readonly type: string } | undefined): boolean {
  return action === undefined || ['cut', 'loseAnswer', 'refuse', 'reset'].includes(action.type)
}

const anyPair = { source: 'file:', target: 'file:' } as const

/** Tries that ended because nothing listened, by what a command has said so far. */
export function refusals(stderr: string): number {
  return stderr.match(/trying again.*(?:connection refused|ECONNREFUSED)|(?:connection refused|ECONNREFUSED).*trying again/g)?.length ?? 0
}

/** The requests behind so many. */
export function behind<Request>(first: number, isHit: (request: Request) => boolean): (request: Request) => boolean {
  let seen = 0
  return request => isHit(request) && ++seen > first
}

export function expectDone(ended: Ended): void {
  expect(ended.code, ended.stderr).to.equal(0)
  expect(reportOf(ended)).to.deep.include({ exitCode: 0, state: 'done', totals: wholeCounts })
}
