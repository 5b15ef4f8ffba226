/** What a run knows about one collection while documents of it are under way. */
import type { CollectionReport } from '../report.ts'
import { SeenIds } from './seen-ids.ts'

export class CollectionState {
  readonly report: CollectionReport
  /** Whether the target can hold none of the ids that come for the first time: see `WriteOptions.fresh`. */
  readonly fresh: boolean
  /** Whether the target held nothing in it when the run began. */
  readonly isNew: boolean
  /** Ids that went by, where two documents may have the same. */
  readonly seenIds: SeenIds | undefined
  /** Documents whose id came before; see `SeenIds` for how sure that is. */
  repeated = 0
  #partitionsLeft: number

  constructor(
    report: CollectionReport,
    options: { readonly fresh: boolean; readonly isNew: boolean; readonly idsMayRepeat: boolean; readonly partitions?: number }
  ) {
    this.report = report
    this.fresh = options.fresh
    this.isNew = options.isNew
    this.seenIds = options.idsMayRepeat ? new SeenIds() : undefined
    this.#partitionsLeft = options.partitions ?? 1
  }

  /** No more documents of it come from one of its partitions. */
  leave(): void {
    this.#partitionsLeft--
    this.checkDone()
  }

  /** It is done when nothing more comes and every document has its outcome. */
  checkDone(): void {
    const { read, added, written, skipped, filtered, failed } = this.report
    if (this.#partitionsLeft > 0 || read + added !== written + skipped + filtered + failed) return
    this.report.state = 'done'
    this.report.finishedAt = Date.now()
  }
}
