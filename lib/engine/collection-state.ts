/** What a run knows about one collection while documents of it are under way. */
import { now } from '../clock.ts'
import type { CollectionReport } from '../report.ts'
import { idHashes } from '../values/id-hashes.ts'
import { FailedIds } from './failed-ids.ts'
import { RepeatCounter } from './repeat-counter.ts'
import type { RestingRoom } from './repeat-counter.ts'
import { SeenIds } from './seen-ids.ts'

export interface Repeated {
  readonly count: number
  /** So many, or fewer; or so many, or more: ids that went by before a run went on are not known. */
  readonly isAtMost: boolean
  readonly isAtLeast: boolean
  /** Whether that is because the run went on; otherwise, too many of its collections were left and came again. */
  readonly isWentOn: boolean
  /** Why it is not known. */
  readonly trouble: unknown
}

export class CollectionState {
  readonly report: CollectionReport
  /** Whether the target can hold none of the ids that come for the first time: see `WriteOptions.fresh`. */
  readonly fresh: boolean
  /** Whether the target held nothing in it when the run began. */
  readonly isNew: boolean
  /** Ids that went by, where two documents may have the same, and the target has to hear of it. */
  readonly #seenIds: SeenIds | undefined
  /** The same where it does not. */
  readonly #repeats: RepeatCounter | undefined
  /** Ids of documents that failed, where the first of an id is to stay: what comes behind one with its id may be older. */
  readonly failedIds: FailedIds | undefined
  readonly #idsMayRepeat: boolean
  #held = 0
  #hasFailures = false
  #partitionsLeft: number
  readonly #restingRoom: RestingRoom | undefined

  constructor(
    report: CollectionReport,
    options: {
      readonly fresh: boolean
      readonly isNew: boolean
      readonly idsMayRepeat: boolean
      readonly firstStays?: boolean
      /** See `Target.holdsRepeats`. */
      readonly holdsRepeats?: boolean | undefined
      readonly partitions?: number
      /** Of a collection that may be left and come again, as sections of a file may. */
      readonly restingRoom?: RestingRoom | undefined
    }
  ) {
    this.report = report
    this.fresh = options.fresh
    this.isNew = options.isNew
    const { idsMayRepeat, holdsRepeats = false } = options
    this.#idsMayRepeat = idsMayRepeat
    this.#seenIds = idsMayRepeat && !holdsRepeats ? new SeenIds(() => expectedDocuments(report)) : undefined
    this.#repeats = idsMayRepeat && holdsRepeats ? new RepeatCounter() : undefined
    this.failedIds = idsMayRepeat && options.firstStays ? new FailedIds() : undefined
    this.#partitionsLeft = options.partitions ?? 1
    this.#restingRoom = options.restingRoom
  }

  /**
   * A document is about to be written. @returns whether it has to wait until none of its id may be under way
   *
   * @param hashes `idHashes` of its id, where they are known
   */
  mustWait(id: string, hashes?: readonly [number, number]): boolean {
    if (!this.#idsMayRepeat) return false
    const [first, second] = hashes ?? idHashes(id)
    if (this.#seenIds) return this.#seenIds.addHashes(first, second)
    this.#repeats?.add(first, second)
    return this.hasFailed(id)
  }

  /** Documents that a target takes by themselves are about to be written. @param idHashes of each id, one pair after the other */
  countPacked(idHashes: Int32Array): void {
    this.#repeats?.addAll(idHashes)
    if (!this.#seenIds) return
    for (let at = 0; at < idHashes.length; at += 2) if (this.#seenIds.addHashes(idHashes[at]!, idHashes[at + 1]!)) this.#held++
  }

  /** So many had to wait. */
  countHeld(count: number): void {
    if (!this.#repeats) this.#held += count
  }

  /** Documents whose id came before; see there for how sure that is. */
  repeated(): Repeated {
    const count = this.#held + (this.#repeats?.count() ?? 0)
    const isWentOn = this.#idsMayRepeat && (this.report.before?.read ?? 0) > 0
    return {
      count,
      isAtMost: this.#seenIds?.isFull ?? false,
      isAtLeast: isWentOn || (this.#repeats?.isAtLeast ?? false),
      isWentOn,
      trouble: this.#repeats?.trouble
    }
  }

  /** Whether a document of this id has failed. */
  hasFailed(id: string): boolean {
    return this.#hasFailures && this.failedIds !== undefined && this.failedIds.has(id)
  }

  /** Whether one of several may have failed. @param idHashes of each id, one pair after the other */
  hasFailedAny(idHashes: Int32Array): boolean {
    const { failedIds } = this
    if (!this.#hasFailures || !failedIds) return false
    for (let at = 0; at < idHashes.length; at += 2) if (failedIds.mayHave(idHashes[at]!, idHashes[at + 1]!)) return true
    return false
  }

  addFailed(id: string): void {
    this.#hasFailures = true
    this.failedIds?.add(id)
    if (this.failedIds) this.#seenIds?.add(id)
  }

  /** No more documents of it come from one of its partitions. */
  leave(): void {
    this.#partitionsLeft--
    this.checkDone()
  }

  /** More of it comes from a partition that had left it. */
  comeBack(): void {
    this.#partitionsLeft++
    if (this.report.state === 'done') this.report.state = 'running'
    delete this.report.finishedAt
  }

  /** It is done when nothing more comes and every document has its outcome. */
  checkDone(): void {
    const { read, added, written, skipped, filtered, failed } = this.report
    if (this.#partitionsLeft > 0 || read + added !== written + skipped + filtered + failed) return
    this.report.state = 'done'
    this.report.finishedAt = now()
    if (this.#restingRoom) this.#repeats?.rest(this.#restingRoom)
    else this.#repeats?.close()
  }

  /** Whatever has become of it. */
  end(): void {
    this.#repeats?.end()
  }
}

/** By what the source says of itself, or else by what of its bytes has been read. */
function expectedDocuments({ expected, expectedBytes = 0, bytesRead, read }: CollectionReport): number | undefined {
  if (expected !== undefined) return expected
  return expectedBytes > 0 && bytesRead > 0 ? (expectedBytes / bytesRead) * read : undefined
}
