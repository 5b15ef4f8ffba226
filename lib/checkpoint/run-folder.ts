/** The folder of one run: what it was asked, how far it has come, what it could not write. */
import { readdirSync, statSync } from 'node:fs'
import { readdir as readEntries, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { exists, inodeOf } from '../engine/atomic-file.ts'
import { makeFolder } from '../engine/make-folder.ts'
import { makeNewFolder, readdir, removeFile } from '../engine/near-files.ts'
import { DocferryError, describeError, isNoRoom } from '../errors.ts'
import { isSavedAtEnd, totalCounts } from '../report.ts'
import type { Counts, RunReport } from '../report.ts'
import type { Location, Partition, ProviderName } from '../types.ts'
import type { Checkpoint } from './checkpoint.ts'
import { deadLettersName } from './dead-letters.ts'
import { checkpointName, lastState, readCheckpoint } from './how-far.ts'
import { dropNext, findReceipt, keepNext, keepReceipt, takeNext } from './kept-receipt.ts'
import { busy, holderOf, isLockName, takeLock } from './lock.ts'
import type { Holder, Lock } from './lock.ts'
import { verifierOf } from './verifying.ts'
import {
  formOfOutput,
  formOfPart,
  inState,
  isPartialState,
  readState,
  removePartialStates,
  replaceFile,
  stateBytes,
  writeState
} from './state-file.ts'

/** What does not change while a run goes on. Plain JSON, without secrets. */
export interface RunRecord<Asked = unknown> {
  readonly runId: string
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly asked: Asked
  /** The two ends as they were given, where that holds no secret. */
  readonly ends: { readonly source?: KeptEndpoint; readonly target?: KeptEndpoint }
  /** As the source was split when the run began: cursors mean places in these. */
  readonly partitions: readonly Partition[]
  /** Of an output that can't be cut back: if the run stops, it can't be gone on with. */
  readonly piped?: true
  /** Of a source that comes once: a run that stopped after it had read some of it can't be gone on with. */
  readonly readsOnce?: true
}

/** An address, or a connector's name and options. */
export type KeptEndpoint = string | { readonly connector: ProviderName; readonly options: object }

/** How a run ended, or that it has not. */
export interface RunEnd {
  readonly state: RunReport['state']
  readonly at: string
  readonly totals: Counts
  /** `RunReport.spoilt` */
  readonly spoilt?: string
  /** Another run that was begun with it writes to the same place. */
  readonly refused?: true
  /** It was to be verified as soon as it was done: until it is, nothing is proved. */
  readonly toVerify?: true
}

/** What verifying a run came to that was to be verified. */
export interface Verified {
  readonly state: 'equal' | 'different'
  readonly at: string
}

/** What stands on disk while a retry replaces the dead letters, so that counts and letters agree whenever its process dies. */
interface KeptEnd extends RunEnd {
  readonly replacing?: {
    /** Which file the new letters are; `null`: none are left. */
    readonly letters: string | null
    /** What is true from the moment on in which they stand in their place. */
    readonly end: RunEnd
  }
}

/** What became of the undoing of a run. `partly`: it has begun, and has not come to its end or had to leave something. */
export interface Undone {
  readonly state: 'undone' | 'partly'
  readonly at: string
  /** Counts by collection of the target. */
  readonly collections: readonly object[]
}

/** A run as a list of runs shows it. */
export interface RunInfo {
  readonly runId: string
  readonly path: string
  /** Missing of a damaged one. */
  readonly record?: RunRecord
  /**
   * `killed`: it says that it is running, and no process does. `broken off`: it stopped, and can't be gone on with: it went down a pipe, or was refused.
   * `spoilt`: nor can it, for what it has read may have been wrong.
   * `damaged`: its files can't be read.
   */
  readonly state: RunReport['state'] | 'killed' | 'broken off' | 'spoilt' | 'damaged' | 'undone' | 'partly undone'
  readonly end?: RunEnd
  /** Of one that has not come to its end: what the target had acknowledged at the last checkpoint, where there is one. */
  readonly reached?: Counts
  /** What its undoing did. */
  readonly undone?: Undone
  readonly verified?: Verified
  /** The process that is at work on it. */
  readonly holder?: Holder
  /** Of one that is not verified yet: the process that does it. */
  readonly verifier?: Holder
  /** What is wrong with a damaged one. */
  readonly trouble?: DocferryError
}

/** As runs are named that nobody gave an id. */
const runIdForm = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-[0-9a-f]{6}$/

export const logName = 'log.ndjson'

const files = {
  record: 'run.json',
  checkpoint: checkpointName,
  end: 'end.json',
  undone: 'undone.json',
  verified: 'verified.json',
  stopped: 'stopped'
} as const

/** Checkpoints grow: of each size there would be a place. */
const granule = 64 << 10

export class RunFolder {
  readonly path: string
  readonly #runId: string
  readonly #lock: Lock | undefined
  /** For the bytes of checkpoints, of which one is written at a time. */
  #place = Buffer.alloc(0)

  private constructor(path: string, runId: string, lock: Lock | undefined) {
    this.path = path
    this.#runId = runId
    this.#lock = lock
  }

  /** Make the folder of a new run. @throws {DocferryError} DOCFERRY_STATE */
  static async create(stateDir: string, runId: string): Promise<RunFolder> {
    const path = folderOf(stateDir, runId)
    try {
      await makeFolder(dirname(path), 0o700)
      // What is there belongs to another run, which began in the same millisecond.
      await makeNewFolder(path, 0o700)
    } catch (error) {
      throw new DocferryError('DOCFERRY_STATE', `the run folder ${path} can't be made: ${describeError(error)}`, { cause: error })
    }
    await clearNeverBegun(dirname(path))
    try {
      return new RunFolder(path, runId, await takeLock(path, `run ${runId}`))
    } catch (error) {
      await rm(path, { recursive: true, force: true })
      throw error
    }
  }

  /** Take the folder of a run that is there. @throws {DocferryError} DOCFERRY_NO_SUCH_RUN, DOCFERRY_RUN_BUSY, DOCFERRY_STATE */
  static async open(stateDir: string, runId: string): Promise<RunFolder> {
    const path = folderOf(stateDir, runId)
    if ((await readState(join(path, files.record), 'run')) === undefined) throw noSuchRun(stateDir, `no run ${runId}`)
    const folder = new RunFolder(path, runId, await takeLock(path, `run ${runId}`))
    const verifier = await verifierOf(path)
    if (verifier && verifier.pid !== process.pid) {
      await folder.close()
      throw busy(`the verification of run ${runId}`, verifier)
    }
    await removePartialStates(path)
    await inState(`${path} can't be cleared of what the run before has left`, () => removeFile(join(path, files.stopped)))
    if (await isReplaced(path)) await takeNext(path)
    else await dropNext(path)
    return folder
  }

  /**
   * The same for whoever changes nothing: a folder that can't be written to is looked into without a lock, unless somebody else holds it.
   *
   * @throws {DocferryError} as `open`
   */
  static async look(stateDir: string, runId: string): Promise<RunFolder> {
    try {
      return await RunFolder.open(stateDir, runId)
    } catch (error) {
      if (!(error instanceof DocferryError) || !mayOnlyRead(error.cause)) throw error
      const path = folderOf(stateDir, runId)
      const holder = await holderOf(path)
      if (holder) throw busy(`run ${runId}`, holder)
      return new RunFolder(path, runId, undefined)
    }
  }

  /** Whether it is this process's alone, and may be written to. */
  get isLocked(): boolean {
    return this.#lock !== undefined
  }

  async record(): Promise<RunRecord> {
    return (await readState(join(this.path, files.record), 'run')) as RunRecord
  }

  async checkpoint(): Promise<Checkpoint | undefined> {
    return await readCheckpoint(this.path, this.#runId)
  }

  async undone(): Promise<Undone | undefined> {
    return (await readState(join(this.path, files.undone), 'undone')) as Undone | undefined
  }

  /** From here on, the run can't be gone on with. */
  async markUndone(undone: Undone): Promise<void> {
    await writeState(join(this.path, files.undone), 'undone', undone)
  }

  async begin(record: RunRecord): Promise<void> {
    await writeState(join(this.path, files.record), 'run', record)
  }

  /**
   * What `save` writes. It is good until the next one is made, and nothing of the checkpoint is held meanwhile: its texts are large, and each one that lives
   * through a collection of the young generation stays in the heap for long.
   */
  checkpointBytes(checkpoint: Checkpoint): readonly Buffer[] {
    const take = (least: number): Buffer => {
      if (this.#place.length < least) this.#place = Buffer.allocUnsafeSlow(Math.ceil(least / granule) * granule)
      return this.#place
    }
    const form = checkpoint.output ? formOfOutput : checkpoint.settled && formOfPart
    return stateBytes('checkpoint', { runId: this.#runId, ...checkpoint }, take, form)
  }

  /** @param bytes as `checkpointBytes` gave them */
  async save(bytes: readonly Buffer[]): Promise<void> {
    await replaceFile(join(this.path, files.checkpoint), bytes)
  }

  /** @returns its path */
  async keepReceipt(text: string | Iterable<string | Buffer>): Promise<string> {
    return await keepReceipt(this.path, text)
  }

  async end(end: RunEnd): Promise<void> {
    try {
      await writeState(join(this.path, files.end), 'end', end)
    } catch (error) {
      // A disk that is full takes an empty file all the same: so that the run is not taken for one that was killed.
      if (isNoRoom((error as DocferryError).cause)) await writeFile(join(this.path, files.stopped), '').catch(() => undefined)
      throw error
    }
  }

  /** How the run ended, also where the process that has replaced its dead letters died before it could say so. */
  async lastEnd(): Promise<RunEnd | undefined> {
    return await readEnd(this.path)
  }

  /**
   * Put the dead letters that are left in the place of those before, and say how the run stands now. If the process dies in the middle, both are
   * as before, or both are new.
   *
   * @param partial path of what is left, on disk; undefined where nothing is
   * @param replace gives it its place, or removes what is there
   * @param receipt of the run as it stands then, where it has one
   */
  async replaceLetters(
    partial: string | undefined,
    end: RunEnd,
    replace: () => Promise<void>,
    receipt?: Iterable<string | Buffer>
  ): Promise<void> {
    const before = (await readEnd(this.path)) ?? end
    const letters = partial === undefined ? null : await inState(`${partial} can't be looked at`, () => inodeOf(partial))
    const kept: KeptEnd = { ...before, replacing: { letters, end } }
    await writeState(join(this.path, files.end), 'end', kept)
    if (receipt !== undefined) await keepNext(this.path, receipt)
    await replace()
    await takeNext(this.path)
    await this.end(end)
  }

  async close(): Promise<void> {
    await this.#lock?.release()
  }
}

/** Whether it is the system's word that nothing may be written there. */
function mayOnlyRead(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  return code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
}

/** The runs of a state folder, the newest first. What is no run is left out. @throws {DocferryError} DOCFERRY_STATE */
export async function listRuns(stateDir: string): Promise<RunInfo[]> {
  const parent = join(stateDir, 'runs')
  const entries = await readEntries(parent, { withFileTypes: true }).catch((error: { code?: unknown }) => {
    if (error.code === 'ENOENT') return []
    throw new DocferryError('DOCFERRY_STATE', `${parent} can't be read: ${describeError(error)}`, { cause: error })
  })
  const found: RunInfo[] = []
  for (const { name: runId } of entries.filter(entry => entry.isDirectory())) {
    const run = await readRun(join(parent, runId), runId)
    if (run) found.push(run)
  }
  return found.sort((a, b) => beganAt(b).localeCompare(beganAt(a)))
}

/** A process needs far less from making a run's folder to keeping what it is asked. */
const begunWithinMs = 10 * 60_000

/** So many folders are looked at, the newest: each run looks, and the state folder may hold thousands. */
const lookedAt = 100

/**
 * Remove the folders of runs that were killed before they began: old, held by nobody, and without anything but locks. What can't be removed
 * stays.
 */
async function clearNeverBegun(parent: string): Promise<void> {
  const names = (await inState(`${parent} can't be read`, () => readdir(parent))).filter(each => runIdForm.test(each)).sort()
  for (const name of names.slice(-lookedAt)) {
    const path = join(parent, name)
    try {
      // One by one, and each through a thread, they would take longer than the rest of a start.
      if (Date.now() - statSync(path).mtimeMs < begunWithinMs) continue
      const entries = readdirSync(path)
      if (!entries.every(entry => isLockName(entry) || isPartialState(entry)) || (await holderOf(path))) continue
      await Promise.all(entries.map(entry => rm(join(path, entry), { force: true })))
      await rmdir(path)
    } catch (error) {
      // Gone meanwhile, somebody else's, or something was put there.
      if (!(error instanceof DocferryError) && typeof (error as { code?: unknown }).code !== 'string') throw error
    }
  }
}

/** @returns undefined for what is no run, or one that has not begun */
async function readRun(path: string, runId: string): Promise<RunInfo | undefined> {
  try {
    const record = (await readState(join(path, files.record), 'run')) as RunRecord | undefined
    if (!record) return undefined
    const end = await readEnd(path)
    const undone = (await readState(join(path, files.undone), 'undone')) as Undone | undefined
    const verified = end?.toVerify && ((await readState(join(path, files.verified), 'verified')) as Verified | undefined)
    const holder = await holderOf(path)
    const verifier = end?.toVerify && !verified ? await verifierOf(path) : undefined
    const isOver = end?.state === 'done' || end?.state === 'partial'
    const reached = isOver ? undefined : await countsReached(path, record)
    const found = {
      runId,
      path,
      record,
      ...(end && { end }),
      ...(undone && { undone }),
      ...(reached && { reached }),
      ...(verified && { verified }),
      ...(verifier && { verifier })
    }
    if (holder) return { ...found, state: 'running', holder }
    if (undone) return { ...found, state: undone.state === 'undone' ? 'undone' : 'partly undone' }
    if (!isOver && (isPiped(record) || end?.refused)) return { ...found, state: 'broken off' }
    if (end?.spoilt !== undefined) return { ...found, state: 'spoilt' }
    return { ...found, state: end?.state ?? ((await exists(join(path, files.stopped))) ? 'failed' : 'killed') }
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    return { runId, path, state: 'damaged', trouble: error }
  }
}

/** Whether a run is done that was to be verified then, and was not: it was killed meanwhile, or that failed, or it goes on. */
export function lacksVerification({ state, end, verified }: Pick<RunInfo, 'state' | 'end' | 'verified'>): boolean {
  return (state === 'done' || state === 'partial') && end?.toVerify === true && !verified
}

/** @param path of the run's folder */
export async function markVerified(path: string, verified: Verified): Promise<void> {
  await writeState(join(path, files.verified), 'verified', verified)
}

/** Why a run that has stopped, or may be stopped, is not to be gone on with. @returns undefined where it may be, or has come to its end */
export function whyNotGoneOnWith({ record, end }: Pick<RunInfo, 'record' | 'end'>): string | undefined {
  if (end?.spoilt !== undefined) return 'it read what was wrong'
  if (end?.refused) return 'it was refused, for another target is the same place'
  if (record && isPiped(record)) return 'it went down a pipe'
  return record && readsOnce(record) ? 'what it read came by a pipe' : undefined
}

/** Of an output that is there only when it is whole, nothing counts that can't be gone on with. */
async function countsReached(path: string, { runId, asked }: RunRecord): Promise<Counts | undefined> {
  const target = targetOf(asked)
  try {
    const state = await lastState(path, runId)
    return state && (state.output || !target || !isSavedAtEnd(target)) ? totalCounts(state.collections) : undefined
  } catch (error) {
    // Whoever goes on with the run is told what is wrong.
    if (error instanceof DocferryError) return undefined
    throw error
  }
}

/** Runs of before `piped` was kept tell standard output only. */
function isPiped({ piped, asked }: RunRecord): boolean {
  return piped === true || targetOf(asked)?.identity === 'file:stdout'
}

/** Runs of before `readsOnce` was kept tell standard input only. */
function readsOnce({ readsOnce: kept, asked }: RunRecord): boolean {
  return kept === true || (asked as { readonly source?: Location } | null)?.source?.identity === 'file:stdin'
}

function targetOf(asked: unknown): Location | undefined {
  return (asked as { readonly target?: Location } | null)?.target
}

async function readEnd(path: string): Promise<RunEnd | undefined> {
  const kept = await readKeptEnd(path)
  if (!kept?.replacing) return kept
  const { replacing, ...before } = kept
  return (await holdsLetters(path, replacing.letters)) ? replacing.end : before
}

/** Whether a retry has replaced the dead letters and died before it could say so. */
async function isReplaced(path: string): Promise<boolean> {
  const replacing = (await readKeptEnd(path))?.replacing
  return replacing !== undefined && (await holdsLetters(path, replacing.letters))
}

async function readKeptEnd(path: string): Promise<KeptEnd | undefined> {
  return (await readState(join(path, files.end), 'end')) as KeptEnd | undefined
}

/** @param letters which file they are; `null`: there is none */
async function holdsLetters(path: string, letters: string | null): Promise<boolean> {
  const place = join(path, deadLettersName)
  return await inState(`${place} can't be looked at`, async () => letters === ((await exists(place)) ? await inodeOf(place) : null))
}

/** The path of a run's receipt, whether or not somebody holds the run's folder; undefined where it has none. @throws {DocferryError} DOCFERRY_STATE */
export async function receiptPath(path: string): Promise<string | undefined> {
  return await findReceipt(path, await isReplaced(path))
}

/** To the second where only the id tells. */
function beganAt({ runId, record }: RunInfo): string {
  return record?.startedAt ?? runId.replace(/^(\d+-\d+-\d+T\d+)-(\d+)-(\d+).*/, '$1:$2:$3')
}

function folderOf(stateDir: string, runId: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(runId))
    throw new DocferryError('DOCFERRY_NO_SUCH_RUN', `${JSON.stringify(runId)} is no run id; docferry runs lists them`)
  return join(stateDir, 'runs', runId)
}

/** @param what is missing: `no run 2026-...` */
export function noSuchRun(stateDir: string, what: string): DocferryError {
  return new DocferryError(
    'DOCFERRY_NO_SUCH_RUN',
    `there is ${what} in ${stateDir}; docferry runs lists them (--state-dir names another folder)`
  )
}
