/** What a run knows about one collection while documents of it are under way. */
import type { ErrorCode } from '../errors.ts'
import { examplesPerKind } from '../report.ts'
import type { CollectionReport } from '../report.ts'
import { SeenIds } from './seen-ids.ts'

export class CollectionState {
  readonly report: CollectionReport
  /** Whether the target can hold none of the ids that come for the first time: see `WriteOptions.fresh`. */
  readonly fresh: boolean
  /** Ids that went by, where two documents may have the same. */
  readonly seenIds: SeenIds | undefined
  /** Documents that waited because their id may have come before, and those for which the target said that it had. */
  held = 0
  repeated = 0
  #partitionsLeft: number

  constructor(
    report: CollectionReport,
    options: { readonly fresh: boolean; readonly idsMayRepeat: boolean; readonly partitions?: number }
  ) {
    this.report = report
    this.fresh = options.fresh
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

  countSkipped(id: string): void {
    this.report.skipped++
    if (this.report.skippedExamples.length < examplesPerKind) this.report.skippedExamples.push(id)
  }

  /** @param example the document's id, or its place in the input */
  countFailure(code: ErrorCode, message: string, example: string): void {
    this.report.failed++
    let group = this.report.failures.find(candidate => candidate.code === code)
    if (!group) this.report.failures.push((group = { code, message, count: 0, examples: [] }))
    group.count++
    if (group.examples.length < examplesPerKind) group.examples.push(example)
  }
}
