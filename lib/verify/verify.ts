/**
 * VERIFYING, read top to bottom: open the ends, choose the collections, then
 *
 *   both sides -> sums by buckets -> the buckets that differ -> their documents -> those that still differ, by name
 *
 * Where there is a receipt, it stands for the source, which is read only where buckets differ.
 */
import { setMaxListeners } from 'node:events'
import { join } from 'node:path'
import type { Lock } from '../checkpoint/lock.ts'
import { markVerified } from '../checkpoint/run-folder.ts'
import { newRunId } from '../checkpoint/run-id.ts'
import { beginVerifying } from '../checkpoint/verifying.ts'
import { now } from '../clock.ts'
import type { RetryOptions } from '../engine/retry.ts'
import { sameSecurity } from '../engine/security.ts'
import { runParallel } from '../engine/run-parallel.ts'
import { DocferryError } from '../errors.ts'
import { silentLogger } from '../open.ts'
import type { Endpoint } from '../open.ts'
import { chooseCollections } from '../plan/choose-collections.ts'
import { checkProofs } from '../plan/same-place.ts'
import type { CollectionInfo, Source, Target } from '../types.ts'
import { BothSides } from './both-sides.ts'
import { DifferenceList } from './differences.ts'
import { Ends, look, namedEndpoint } from './ends.ts'
import { CollectionLook, firstVisitor } from './first-look.ts'
import { checkVerifyOptions } from './options.ts'
import type { VerifyOptions } from './options.ts'
import { isDamage } from './read-end.ts'
import type { Visitor } from './read-end.ts'
import { isPlain, isWorthThread } from './read-in-thread.ts'
import { openLookingEnds, openSourceForReceipt } from './looking-ends.ts'
import type { AskOptions } from './looking-ends.ts'
import { nameDifferences } from './name-differences.ts'
import { listNames } from '../report.ts'
import { differencesOf, missingReasonOf, verifyCollection } from './report.ts'
import type { Side, VerifyCollection, VerifyReport } from './report.ts'
import { secondVisitor } from './second-look.ts'
import { Spool } from './spool.ts'
import { lookForSuspects } from './suspects.ts'
import { taskOf } from './task.ts'
import type { Task } from './task.ts'
import { Workspace } from './workspace.ts'
import { formatCount, plural } from '../values/format-count.ts'

const preparedAtOnce = 4

/** So many names fit a line. */
const mostStrangers = 5
const mostDamages = 10

/**
 * Compare what a target holds with what a source holds, a run has written, or a receipt says. Nothing is written to either.
 *
 * @returns the final report; its `state` is `different` where anything differs
 * @throws {DocferryError} where an end can't be opened or read, a stage fails, the options make no sense, or it is interrupted
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  checkVerifyOptions(options)
  const { signal, stateDir = '.docferry' } = options
  const stop = new AbortController()
  const onAbort = (): void => stop.abort(signal?.reason)
  if (signal?.aborted) onAbort()
  signal?.addEventListener('abort', onAbort, { once: true })
  // Every call in flight listens to it.
  setMaxListeners(0, stop.signal)
  const workspace = new Workspace(stateDir, newRunId())
  let ends: Ends | undefined
  let sign: Lock | undefined
  try {
    await workspace.clearLeftovers()
    const task = await taskOf(options)
    if (task.unverified !== undefined) sign = await beginVerifying(task.unverified)
    const { environment, logger, retry } = options
    ends = new Ends({ environment, logger, retry, signal: stop.signal, attachments: task.attachments })
    return await new Verification(options, { task, ends, workspace, stop }).execute()
  } catch (error) {
    if (!signal?.aborted) throw error
    throw new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted: nothing was changed, and the comparison did not come to its end', {
      cause: error
    })
  } finally {
    signal?.removeEventListener('abort', onAbort)
    await sign?.release()
    await ends?.close()
    await workspace.close()
  }
}

interface Parts {
  readonly task: Task
  readonly ends: Ends
  readonly workspace: Workspace
  /** Ends all reading. */
  readonly stop: AbortController
}

class Verification {
  readonly #options: VerifyOptions
  #task: Task
  readonly #ends: Ends
  readonly #workspace: Workspace
  readonly #stop: AbortController
  #report!: VerifyReport
  #list!: DifferenceList
  /** What the target would hold. */
  #holder!: Target
  #held!: Source
  #heldEndpoint!: Endpoint
  #inThread = false
  #source: Source | undefined
  /** What was found of a target that is not whole, or not what it says; each once. */
  readonly #damages = new Set<string>()
  /** By names in the target. */
  readonly #looks = new Map<string, CollectionLook>()

  constructor(options: VerifyOptions, { task, ends, workspace, stop }: Parts) {
    this.#options = options
    this.#task = task
    this.#ends = ends
    this.#workspace = workspace
    this.#stop = stop
  }

  async execute(): Promise<VerifyReport> {
    await this.#open()
    const report = this.#report
    try {
      await this.#list.begin()
      this.#options.observe?.(report)
      await this.#lookAtAll()
      await this.#lookAtDiffering()
      if (this.#task.includeSecurity) await this.#compareSecurity()
      this.#conclude()
      await this.#list.commit()
      await this.#markRun()
      return report
    } catch (error) {
      await this.#list.discard()
      report.state = this.#options.signal?.aborted ? 'interrupted' : 'failed'
      for (const collection of report.collections) if (isOpen(collection)) collection.state = 'stopped'
      throw error
    } finally {
      report.phase = 'ended'
      report.finishedAt = now()
    }
  }

  /** Both ends, and every name, before any document is read. */
  async #open(): Promise<void> {
    const { receipt, source, collections, rename } = this.#task
    if (!receipt) this.#source = await this.#ends.read(source!, 'source', this.#task.rules)
    const { subcollections = (await this.#source?.holdsSubcollections?.({ signal: this.#stop.signal })) ?? false } = this.#task.rules
    const rules = { ...this.#task.rules, subcollections }
    this.#task = { ...this.#task, rules }
    const inTarget = collections?.map(name => (Object.hasOwn(rename, name) ? rename[name]! : name))
    this.#holder = await this.#ends.ask(this.#task.target, rules)
    if (this.#task.keepMetadata && this.#holder.location.provider === 'couchdb')
      throw new DocferryError(
        'DOCFERRY_CONFIG',
        'CouchDB keeps fields such as _rev for itself and makes them anew: leave --keep-metadata away'
      )
    this.#heldEndpoint = namedEndpoint(this.#task.target, inTarget)
    this.#held = await this.#ends.read(this.#heldEndpoint, 'target', rules)
    const held = await this.#collectionsHeld()
    const chosen = receipt ? this.#collectionsOfReceipt() : await this.#chooseCollections()
    const infos = new Map(held.map(info => [info.name, info]))
    this.#begin(
      chosen.map(names => verifyCollection({ ...names, expected: { ...names.expected, target: infos.get(names.target)?.documents } }))
    )
    for (const { report } of this.#looks.values()) this.#findMissing(report, infos.get(report.target))
    const wanted = held.filter(({ name }) => this.#looks.has(name))
    this.#inThread = isPlain(this.#heldEndpoint) && (this.#options.inThread ?? isWorthThread(wanted))
    const retry = this.#retry
    await runParallel(infos.keys(), preparedAtOnce, async name => {
      if (this.#looks.has(name)) await look(this.#holder, name, retry)
    })
    this.#noteStrangers(held)
  }

  /** Where its beginning is damaged, nothing of it can be told apart. */
  async #collectionsHeld(): Promise<readonly CollectionInfo[]> {
    try {
      return await this.#ends.collectionsOf(this.#held, 'target')
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#damages.add(error.message)
      return []
    }
  }

  #findMissing(report: VerifyCollection, info: CollectionInfo | undefined): void {
    report.isMissing = !info || info.lost !== undefined
    if (info?.lost !== undefined) {
      report.missingReason = 'the target has lost the file of this collection'
      this.#noteDamage(new DocferryError('DOCFERRY_FILE_MISSING', info.lost))
    } else if (!info && this.#damages.size > 0) {
      report.missingReason = 'nothing can be read of the target, which is damaged at its beginning'
    }
  }

  async #chooseCollections() {
    const held = await this.#ends.collectionsOf(this.#source!, 'source')
    const choice = chooseCollections(held, { source: this.#source!, target: this.#holder }, this.#task)
    // A repair goes by what is found here, and changes the target.
    await checkProofs(choice.collections, { source: this.#source!, target: this.#holder }, { signal: this.#stop.signal })
    return choice.collections!.map(({ name, target, documents }) => ({ source: name, target, expected: { source: documents } }))
  }

  #collectionsOfReceipt() {
    const { receipt, collections } = this.#task
    return receipt!.collections
      .filter(({ source }) => collections?.includes(source) ?? true)
      .map(({ source, target, written }) => ({ source, target, expected: { source: written.count } }))
  }

  #begin(collections: VerifyCollection[]): void {
    const { quick = false, sample, allowExtra = false, differences } = this.#options
    const { receipt, runId, source, wroteTo, notes } = this.#task
    const { location } = this.#held
    this.#report = {
      id: this.#workspace.path.split(/[\\/]/).at(-1)!,
      ...(runId !== undefined && { runId }),
      ...(this.#source ? { source: this.#source.location } : receipt?.run && source !== undefined && { source: receipt.run.source }),
      target: location,
      against: receipt ? (source === undefined ? 'receipt' : 'receipt and source') : 'source',
      mode: quick ? 'quick' : sample === undefined ? 'full' : 'sample',
      ...(sample !== undefined && { sample }),
      ...this.#damaged,
      phase: 'reading',
      state: 'running',
      collections,
      notes: [...notes],
      retries: 0,
      startedAt: now()
    }
    if (wroteTo && this.#isElsewhere)
      this.#report.notes.push(`the run wrote to ${wroteTo.provider} ${wroteTo.address}, and this is another place`)
    const list = join(this.#workspace.path, 'differences.ndjson')
    const makeFolder = (): Promise<void> => this.#workspace.open()
    const makeSpool = (): Promise<string> => this.#workspace.makeSpool('differences')
    this.#list = new DifferenceList(differences ?? list, this.#report, { isAsked: differences !== undefined, makeFolder, makeSpool })
    const receipts = new Map(receipt?.collections.map(each => [each.target, each]))
    const kindsExpected = receipt?.kinds ?? (this.#task.rules.types === 'exact' || !this.#source?.mergesKinds)
    const look = { target: this.#holder, list: this.#list, quick, sample, allowExtra, kindsExpected }
    for (const collection of collections) {
      this.#looks.set(collection.target, new CollectionLook(collection, receipts.get(collection.target), look))
    }
  }

  #noteStrangers(held: readonly CollectionInfo[]): void {
    const { notes } = this.#report
    // What a receipt has, and nobody asked about, is no stranger.
    const known = new Set(this.#task.receipt?.collections.map(({ target }) => target))
    const isStrange = ({ name, system = false, lost }: CollectionInfo): boolean =>
      !system && lost === undefined && !this.#looks.has(name) && !known.has(name)
    const strangers = held.filter(isStrange).map(({ name }) => name)
    const areNamed = this.#options.collections !== undefined
    if (strangers.length > 0 && !areNamed) notes.push(`also in the target, not compared: ${listNames(strangers, mostStrangers)}`)
    const { unread = [] } = this.#held
    for (const doubt of [...(this.#held.doubts ?? []), ...(this.#source?.doubts ?? [])]) if (!notes.includes(doubt)) notes.push(doubt)
    if (unread.length > 0) notes.push(`also in the target, not read: ${listNames(unread, mostStrangers)}`)
  }

  /** The first look at everything. */
  async #lookAtAll(): Promise<void> {
    const visitor = (side: Side): Visitor => firstVisitor(side, this.#looks, this.#list)
    // What is not there has come to its end.
    for (const look of this.#looks.values()) if (look.report.isMissing) look.end('target')
    const sides = this.#sides
    await sides[this.#inThread ? 'readInThread' : 'read'](this.#source, this.#looks, visitor)
    this.#noteLeft(sides.left)
    for (const { report, isEnded } of this.#looks.values()) {
      if (!isEnded) throw new DocferryError('DOCFERRY_BUG', `${report.target} has not come to its end`)
      if (report.isMissing) this.#tellMissing(report)
      else report.state = 'comparing'
    }
  }

  #noteLeft({ attachments, designDocuments }: BothSides['left']): void {
    const left = [
      ...(attachments > 0 ? [`${plural(attachments, 'attachment')} (--attachments compares them)`] : []),
      ...(designDocuments > 0 ? [`${plural(designDocuments, 'design document')} (--include-design)`] : [])
    ]
    if (left.length > 0) this.#report.notes.push(`not compared: ${left.join(', ')} of the source`)
  }

  /** Not by its documents, of which all are missing. */
  #tellMissing(report: VerifyCollection): void {
    const { source, target, sourceDocuments } = report
    const reason = missingReasonOf(report)
    report.missing = sourceDocuments
    if (sourceDocuments > 0) this.#list.write({ collection: target, kind: 'missing', documents: sourceDocuments, reason })
    else this.#report.notes.push(`${source} holds no documents, and ${reason}`)
  }

  /** The second look, at what lies in buckets that differ. */
  async #lookAtDiffering(): Promise<void> {
    const looks = new Map([...this.#looks].filter(([, { hasDiffering, report }]) => hasDiffering && !report.isMissing))
    if (looks.size === 0) return
    this.#report.phase = 'looking again'
    this.#source ??= await openSourceForReceipt(this.#asking)
    if (!this.#source) return await this.#lookForSuspects(looks)
    const documents = [...looks.values()].reduce((sum, { documentsInDiffering }) => sum + documentsInDiffering, 0)
    const spool = new Spool(await this.#workspace.makeSpool('documents'), { documents })
    try {
      const options = { target: this.#holder, sample: this.#options.sample }
      await this.#sides.read(this.#source, looks, side => secondVisitor(side, looks, spool, options))
      await nameDifferences(looks, {
        spool,
        target: this.#holder,
        ends: await openLookingEnds({ holder: this.#holder, source: this.#source }, this.#asking),
        list: this.#list,
        report: this.#report,
        retry: this.#retry,
        waitMs: this.#options.settleMs,
        showValues: this.#options.showValues ?? false,
        onConflict: this.#task.receipt?.run?.onConflict
      })
    } finally {
      spool.close()
    }
  }

  async #lookForSuspects(looks: ReadonlyMap<string, CollectionLook>): Promise<void> {
    const read = (visitor: Visitor): Promise<void> => this.#sides.read(undefined, looks, () => visitor)
    await lookForSuspects(looks, { read, list: this.#list, report: this.#report, onConflict: this.#task.receipt?.run?.onConflict })
  }

  async #compareSecurity(): Promise<void> {
    const { notes, collections } = this.#report
    this.#source ??= await openSourceForReceipt(this.#asking)
    const { signal } = this.#stop
    const differing: string[] = []
    const untold: string[] = []
    for (const { source, target, isMissing } of collections) {
      if (isMissing) continue
      const wanted = await this.#source?.security?.(source, { signal })
      const found = await this.#held.security?.(target, { signal })
      if (!wanted || !found) untold.push(source)
      else if (!sameSecurity(wanted, found)) differing.push(source)
    }
    if (untold.length > 0) notes.push(`_security can't be compared, for one side does not tell it: ${untold.join(', ')}`)
    if (differing.length === 0) return
    notes.push(`the target has another _security: ${differing.join(', ')}`)
    this.#report.securityDiffers = differing
  }

  #conclude(): void {
    const report = this.#report
    for (const collection of report.collections) {
      const { source, target, sourceDocuments, targetDocuments } = collection
      const isMore = targetDocuments > sourceDocuments && !this.#looks.get(target)!.allowsExtra
      const isShort = report.mode === 'sample' && (isMore || targetDocuments < sourceDocuments)
      if (isShort)
        report.notes.push(`${source}: the source holds ${plural(sourceDocuments, 'document')}, the target ${formatCount(targetDocuments)}`)
      collection.state = differencesOf(collection) > 0 || isShort ? 'different' : 'equal'
    }
    const isDifferent = report.collections.some(({ state }) => state === 'different')
    report.state = isDifferent || report.damaged !== undefined || report.securityDiffers ? 'different' : 'equal'
  }

  /** The run is then listed as one that was verified, whatever came out. */
  async #markRun(): Promise<void> {
    const { unverified } = this.#task
    const { state, notes } = this.#report
    if (unverified === undefined || this.#isElsewhere || (state !== 'equal' && state !== 'different')) return
    try {
      await markVerified(unverified, { state, at: new Date().toISOString() })
    } catch (error) {
      if (!(error instanceof DocferryError)) throw error
      notes.push(`the run is still listed as not verified: ${error.message}`)
    }
  }

  /** Whether this is not the place that the run wrote to. */
  get #isElsewhere(): boolean {
    const { wroteTo } = this.#task
    const { provider, identity } = this.#holder.location
    return wroteTo !== undefined && (wroteTo.provider !== provider || wroteTo.identity !== identity)
  }

  get #sides(): BothSides {
    return new BothSides({
      options: this.#options,
      task: this.#task,
      target: this.#held,
      endpoint: this.#heldEndpoint,
      holder: this.#holder,
      stop: this.#stop,
      onRetry: this.#countRetry,
      onDamage: this.#noteDamage
    })
  }

  get #asking(): AskOptions {
    return { task: this.#task, ends: this.#ends, looks: this.#looks, notes: this.#report.notes, retry: this.#retry }
  }

  get #retry(): RetryOptions & { readonly signal: AbortSignal } {
    return { ...this.#options.retry, signal: this.#stop.signal, onRetry: this.#countRetry }
  }

  /** What came before the damage is compared: so it shows what is lost. */
  readonly #noteDamage = (error: DocferryError): void => {
    this.#damages.add(error.message)
    Object.assign(this.#report, this.#damaged)
  }

  get #damaged(): Pick<VerifyReport, 'damaged'> {
    return this.#damages.size === 0 ? {} : { damaged: listNames([...this.#damages].sort(), mostDamages, '; ') }
  }

  readonly #countRetry = (error: DocferryError, delayMs: number): void => {
    const { logger = silentLogger } = this.#options
    if (this.#report) this.#report.retries++
    logger.info({ code: error.code, collection: error.context.collection, delayMs }, `trying again: ${error.message}`)
  }
}

function isOpen({ state }: VerifyCollection): boolean {
  return state !== 'equal' && state !== 'different'
}
