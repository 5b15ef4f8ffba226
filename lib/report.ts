/** What a run tells of itself: live while it runs, final when it ends. The CLI draws it, `--json` prints it. */
import { now } from './clock.ts'
import type { ErrorCode } from './errors.ts'
import type { Conversion, Encoded, Location, OnConflict, OnIncompatible, Types, UndoMode, Usage } from './types.ts'
import type { ValueKind } from './values/kinds.ts'

/**
 * Documents by what became of them. When a collection is done: `read + added = written + skipped + filtered + failed`.
 * In a dry run the same words say what would become of them.
 */
export interface Counts {
  /** Documents read from the source, and things read that are no document. */
  read: number
  /** Documents that stages made beyond one for one. */
  added: number
  written: number
  /** Left alone because the target holds their id already. */
  skipped: number
  /** Dropped by a stage. */
  filtered: number
  /** Dead-lettered. */
  failed: number
}

/** Failures of one kind in one collection, with where to look first. */
export interface FailureGroup {
  readonly code: ErrorCode
  /** The first failure's message, without the place of its document; those of the others may differ in their numbers, and in ids of their own. */
  readonly message: string
  count: number
  /** The first ids (or places in the input; where a field's name is refused, the field behind the id) of this kind, at most `examplesPerKind`, long ones shortened. */
  readonly examples: string[]
}

/** How many documents may fail: a number, or a share of those read, which is looked at from the 1,000th document on. */
export type FailureLimit = number | { readonly share: number }

/** Values of one kind that the target can't hold as they are and that were written in one way, in documents that were not refused. */
export interface ConversionGroup {
  readonly kind: ValueKind | 'name' | 'id'
  readonly conversion: Conversion
  /** Values, or names. */
  count: number
  /** Where the first of them are, at most `examplesPerKind`, no two in one document. */
  readonly examples: { readonly id: string; readonly path: string }[]
}

/** What a dry run learns beside the counts. */
export interface CollectionSurvey {
  /** Of documents that the target would take, as it counts them itself. The median and p99 are within 1 %. */
  readonly bytes: {
    readonly total: number
    readonly median: number
    readonly p99: number
    readonly largest: number
    readonly largestId: string
  }
  /** Values by kind in the documents that the target would take, nested ones included; `_id` is one of the strings. */
  readonly values: Readonly<Partial<Record<ValueKind, number>>>
  /** Documents that the target holds in this collection already, where it tells. */
  readonly held?: number
  /** Of the documents that would be written, those whose id the target holds. */
  readonly replaced: number
  /** What writing would ask of the target's service. */
  readonly writing?: Usage
  /** Where only part of the documents was looked at: of how many. Counts and sums are those of the part. */
  readonly sample?: SampleSize
}

export interface SampleSize {
  readonly passed: number
  readonly of: number
  /** Whether `of` was counted, and is no estimate of the database's. */
  readonly exact: boolean
  /** Documents that were read, to look at these. */
  readonly read: number
  /** Whether only the part was read; otherwise everything was read, and the part looked at. */
  readonly quick: boolean
}

/** How many ids of each kind a report names, and how much of each. */
export const examplesPerKind = 5
const mostOfId = 80
const leastOfId = 4

/** A run in which everything fails in a way of its own is told by these; the rest goes to the last group of its code. */
const mostGroups = 20

export interface CollectionReport extends Counts {
  readonly source: string
  /** Its name in the target; differs when renamed. */
  readonly target: string
  /** `stopped`: the run ended before the collection did. */
  state: 'waiting' | 'running' | 'done' | 'stopped'
  /** Estimated number of documents in the source, where known. */
  readonly expected?: number
  /** What a user should know of what is in it; see `CollectionInfo.contents`. */
  readonly contents?: string
  readonly expectedBytes?: number
  /** Whether the run created it in the target (or would). */
  created: boolean
  /** Whether it held nothing in the target when the run began. Missing until that is known. */
  wasEmpty?: boolean
  bytesRead: number
  /** Size of what was written, as it was sent. */
  bytesWritten: number
  filteredBy: Record<string, number>
  /** Top-level CouchDB fields that were stripped, with the number of documents that had each. */
  stripped: Record<string, number>
  /** Attachments that such documents had. Missing: none. */
  attachmentsLeft?: number
  /** Attachments of the documents that were written, and their bytes. Missing: none. */
  attachments?: number
  attachmentBytes?: number
  failures: FailureGroup[]
  conversions: ConversionGroup[]
  /** Of a dry run that has come to its end. */
  survey?: CollectionSurvey
  /** The first ids that were skipped. */
  skippedExamples: string[]
  /** Of a run that goes on: how much of the counts was there when this process began. `startedAt` and `finishedAt` are of this process. */
  before?: Before
  startedAt?: number
  finishedAt?: number
}

export interface Before extends Counts {
  readonly bytesRead: number
}

export interface RunReport {
  readonly runId: string
  /** Path of its folder, once it has one: from then on it can be gone on with, unless it is `piped`. */
  folder?: string
  /** What it keeps for `undo`, once that is known. */
  undo?: UndoMode
  /** The output goes down a pipe or to a device, and can't be cut back: if the run stops, it can't be gone on with. */
  readonly piped?: true
  /** What is read comes once, by standard input or a named pipe: where some of it is read, the run can't be gone on with. */
  readonly readsOnce?: true
  readonly dryRun: boolean
  readonly source: Location
  readonly target: Location
  readonly onConflict: OnConflict
  readonly onIncompatible: OnIncompatible
  readonly types: Types
  /** Whether ids that are paths mean documents in Firestore's subcollections, as it was asked or as the source told. */
  readonly subcollections?: true
  collections: CollectionReport[]
  /** Of a dry run: what it has asked of the source's service, and how much of that before it read the first document. */
  reading?: Usage
  finding?: Usage
  /** Collections that the source holds and that a preset does not name. */
  notTaken: string[]
  /** What a user should know and would not see from the counts. */
  notes: string[]
  /** Of a run that goes on into a database, after it was stopped: what it had written by then. What of that stands behind a mark is read again. */
  writtenBefore?: number
  /** Calls or documents tried again. */
  retries: number
  /** Epoch milliseconds. */
  readonly startedAt: number
  finishedAt?: number
  state: 'running' | 'done' | 'partial' | 'interrupted' | 'failed'
  /** By what it was stopped. */
  stoppedBy?: ErrorCode
  /** Why it can't be gone on with although it could be by its target: what it has read, and perhaps written, may be wrong. */
  spoilt?: string
  /** What it would have to be gone on with is lost. */
  ended?: true
  /** Path of the file that holds the dead letters, once there is one. */
  deadLetters?: string
  /** Path of the receipt of a run that has come to its end, and its root digest. */
  receipt?: string
  receiptRoot?: string
}

/** The sum over all collections of a report. */
export function totalCounts(collections: readonly Counts[]): Counts {
  const total: Counts = { read: 0, added: 0, written: 0, skipped: 0, filtered: 0, failed: 0 }
  for (const counts of collections) {
    for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += counts[key]
  }
  return total
}

/** A report of a run in which nothing has happened yet. */
export function emptyReport(
  run: Pick<
    RunReport,
    'runId' | 'dryRun' | 'onConflict' | 'onIncompatible' | 'types' | 'subcollections' | 'source' | 'target' | 'piped' | 'readsOnce'
  >
): RunReport {
  return { ...run, collections: [], notTaken: [], notes: [], retries: 0, startedAt: now(), state: 'running' }
}

/** Close a report: `done` becomes `partial` where documents failed. In which order they did hangs on pages and answers, so their groups get one. */
export function finishReport(report: RunReport, state: 'done' | 'interrupted' | 'failed'): void {
  for (const { failures } of report.collections) failures.sort(byKind)
  report.finishedAt = now()
  report.state = state === 'done' && totalCounts(report.collections).failed > 0 ? 'partial' : state
}

/** A collection of which nothing has been read yet. */
export function collectionReport(collection: {
  name: string
  target: string
  documents?: number
  bytes?: number
  contents?: string
}): CollectionReport {
  const { name, target, documents, bytes, contents } = collection
  return {
    source: name,
    target,
    state: 'waiting',
    expected: documents,
    expectedBytes: bytes,
    ...(contents !== undefined && { contents }),
    created: false,
    ...totalCounts([]),
    bytesRead: 0,
    bytesWritten: 0,
    filteredBy: {},
    stripped: {},
    failures: [],
    conversions: [],
    skippedExamples: []
  }
}

/** @param written `bytes`: as they were sent */
export function countWritten(report: CollectionReport, { bytes, attached }: Pick<Encoded, 'bytes' | 'attached'>, documents = 1): void {
  report.written += documents
  report.bytesWritten += bytes
  if (!attached) return
  report.attachments = (report.attachments ?? 0) + attached.count
  report.attachmentBytes = (report.attachmentBytes ?? 0) + attached.bytes
}

export function countSkipped(report: CollectionReport, id: string): void {
  report.skipped++
  addExample(report.skippedExamples, shortenId(id))
}

/** Count a document as dead-lettered. @param field what of it the example names beside its id, as a path */
export function countFailure(
  report: Pick<CollectionReport, 'failed' | 'failures'> & { readonly source?: string },
  code: ErrorCode,
  message: string,
  example: string,
  field?: string
): void {
  const place = field === undefined ? '' : ` (${shortenId(field)})`
  const told = report.source === undefined ? message : message.replace(failedOn(report.source, example), () => '')
  addFailures(report, { code, message: told, count: 1, examples: [`${shortenId(example)}${place}`] })
}

/** What a stage's failure says of its document: the message of one document names it, and that of many does not. */
export function failedOn(collection: string, id: string): string {
  return ` failed on ${collection}/${id}`
}

/** Count documents that failed in one way, their ids shortened. Failures that differ only in numbers, or in the document's own id, are of one kind. */
export function addFailures(
  report: Pick<CollectionReport, 'failed' | 'failures'>,
  { code, message, count, examples }: Readonly<FailureGroup>
): void {
  report.failed += count
  const { failures } = report
  const kind = kindOfMessage(message, examples[0])
  const same = failures.find(candidate => candidate.code === code && kindOfMessage(candidate.message, candidate.examples[0]) === kind)
  let group = same ?? (failures.length >= mostGroups ? failures.findLast(candidate => candidate.code === code) : undefined)
  const isOther = !same && group !== undefined
  if (!group) failures.push((group = { code, message, count: 0, examples: [] }))
  group.count += count
  for (const example of examples) addExample(group.examples, isOther ? `${example} (${message})` : example)
}

export function addExample(examples: string[], example: string): void {
  if (examples.length < examplesPerKind) examples.push(example)
}

function byKind(a: FailureGroup, b: FailureGroup): number {
  return (
    compare(a.code, b.code) ||
    compare(kindOfMessage(a.message, a.examples[0]), kindOfMessage(b.message, b.examples[0])) ||
    compare(a.message, b.message)
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** @param id of the document; a short one may be a word of the message by chance */
function kindOfMessage(message: string, id = ''): string {
  const alike = id.length >= leastOfId ? message.replaceAll(id, '#') : message
  return alike.replace(/\d[\d,.]*/g, '#')
}

export function shortenId(id: string): string {
  return id.length > mostOfId ? `${id.slice(0, mostOfId)}... (${id.length} characters)` : id
}

/** How many names a note has. */
const mostNames = 20

/** The first names of a list, and how many follow. */
export function listNames(names: readonly string[], most = mostNames, between = ', '): string {
  return names.length > most ? `${names.slice(0, most).join(between)} and ${names.length - most} more` : names.join(between)
}

/** A file and a snapshot are whole only when a run ends. A database keeps what is written. */
export function isSavedAtEnd({ provider }: Location): boolean {
  return provider === 'file' || provider === 'memory'
}
