/** What a run came to, as lines of text: the table, the notes, the failures and what to try. */
import { dirname } from 'node:path'
import type { ErrorCode } from '../errors.ts'
import type { Plan } from '../plan/plan.ts'
import { totalCounts } from '../report.ts'
import type { CollectionReport, Counts, FailureGroup, RunReport } from '../report.ts'
import type { PlaceName } from '../types.ts'
import { stateDirOf } from '../checkpoint/run-command.ts'
import { adviceForFailures } from './advice.ts'
import { commandFor, goOnCommand, isOfDocument, needsAnotherInput, undoCommand } from './hints.ts'
import {
  displayWidth,
  fit,
  formatBytes,
  formatCount,
  formatDuration,
  indentedLines,
  padEnd,
  padStart,
  plural,
  plainStyle,
  safe
} from './text.ts'
import type { Style, View } from './text.ts'
import { conversionNotes, estimateLines, planDetails } from './plan-view.ts'

export interface SummaryView extends View {
  /** Which command it was, where that decides what to do next. */
  readonly command?: string
  /** What a dry run was made for. */
  readonly plan?: Plan | undefined
}

/** Most rows of the table; the rest is summed up in one. */
const mostRows = 50

export function summaryLines(report: Readonly<RunReport>, view: SummaryView): string[] {
  const style = view.style ?? plainStyle
  const lines = [
    ...table(report, view, style),
    '',
    ...notes(report, view),
    ...(view.plan ? planDetails(view.plan, view) : []),
    ...failures(report, view, style),
    ...(view.plan ? [...estimateLines(view.plan, view), ''] : []),
    ...(report.deadLetters === undefined ? [] : [`Dead letters: ${safe(report.deadLetters)}`]),
    ...(report.receipt === undefined ? [] : [`Receipt: ${safe(report.receipt)} (root ${report.receiptRoot})`]),
    ...retryHint(report),
    ...undoHint(report),
    verdict(report, view, style)
  ]
  return lines.filter((line, index) => line !== '' || lines[index - 1] !== '')
}

/** What hangs on the input, and fails again as long as that is as it is. */
const notAgain: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'DOCFERRY_BAD_DOCUMENT',
  'DOCFERRY_ATTACHMENT',
  'DOCFERRY_FIRST_FAILED',
  'DOCFERRY_DELETED'
])

/** Where there is something that can be written again, and where to. */
function retryHint({ runId, state, target, collections, deadLetters }: Readonly<RunReport>): string[] {
  const hasDocuments = collections.some(({ failures: groups }) => groups.some(({ code }) => !notAgain.has(code)))
  if (state !== 'partial' || deadLetters === undefined || target.provider === 'file' || !hasDocuments) return []
  return [
    `To write them again (--stage changes them, behind the stages of the run): ${commandFor('retry', runId, stateDirOf(dirname(deadLetters)))}`
  ]
}

function undoHint(report: Readonly<RunReport>): string[] {
  const command = undoCommand(report)
  return command === undefined ? [] : [`To undo the run: ${command}`]
}

interface Line {
  readonly name: string
  readonly counts: Counts
  /** Of this process, like the documents that it has read. */
  readonly spentMs: number | undefined
  readonly readNow: number
}

function table(report: Readonly<RunReport>, { columns = Infinity, nowMs }: SummaryView, style: Style): string[] {
  const lines: Line[] = rowsOf(report, nowMs)
  const titles = report.dryRun
    ? { read: 'read', written: 'would be written', skipped: 'would be skipped', filtered: 'filtered', failed: 'would fail' }
    : { read: 'read', written: 'written', skipped: 'skipped', filtered: 'filtered', failed: 'failed' }
  const cells = (line: Line): string[] => [
    ...(Object.keys(titles) as (keyof typeof titles)[]).map(key => formatCount(line.counts[key])),
    line.spentMs === undefined ? '' : formatDuration(line.spentMs),
    line.spentMs === undefined || line.spentMs <= 0 ? '' : formatCount(line.readNow / (line.spentMs / 1000))
  ]
  let head = [...Object.values(titles), 'time', 'docs/s']
  let body = lines.map(cells)
  const widths = (): number[] => head.map((title, index) => Math.max(displayWidth(title), ...body.map(row => displayWidth(row[index]!))))
  const nameWidth = Math.max('collection'.length, ...lines.map(({ name }) => displayWidth(name)))
  const room = (): number => columns - widths().reduce((sum, width) => sum + width + 2, 0)
  while (room() < Math.min(nameWidth, 16) && head.length > Object.keys(titles).length) {
    head = head.slice(0, -1)
    body = body.map(row => row.slice(0, -1))
  }
  const nameColumn = Math.min(nameWidth, Math.max(10, room()))
  const final = widths()
  const row = (name: string, values: readonly string[]): string =>
    padEnd(fit(name, nameColumn), nameColumn) + values.map((value, index) => `  ${padStart(value, final[index]!)}`).join('')
  return [
    style.dim(row('collection', head)),
    ...lines.map((line, index) => {
      const text = row(line.name, body[index]!)
      if (line.name === totalName) return style.bold(text)
      return line.counts.failed > 0 ? style.red(text) : text
    })
  ]
}

const totalName = 'total'

function rowsOf(report: Readonly<RunReport>, nowMs: number): Line[] {
  const toLine = (collection: CollectionReport): Line => ({
    name:
      safe(collection.source === collection.target ? collection.source : `${collection.source} -> ${collection.target}`) +
      unfinished(collection),
    counts: collection,
    readNow: readNow(collection),
    spentMs: collection.startedAt === undefined ? undefined : (collection.finishedAt ?? nowMs) - collection.startedAt
  })
  const { collections } = report
  const spentMs = (report.finishedAt ?? nowMs) - report.startedAt
  const total: Line = { name: totalName, counts: totalCounts(collections), readNow: sumOfReadNow(collections), spentMs }
  if (collections.length <= mostRows) return collections.length === 1 ? collections.map(toLine) : [...collections.map(toLine), total]
  const byTrouble = [...collections].sort((a, b) => b.failed - a.failed || b.read - a.read)
  const rest = byTrouble.slice(mostRows)
  return [
    ...byTrouble.slice(0, mostRows).map(toLine),
    { name: `${formatCount(rest.length)} others`, counts: totalCounts(rest), readNow: sumOfReadNow(rest), spentMs: undefined },
    total
  ]
}

/** The documents that this process has read; the rest was read before the run went on. */
function readNow({ read, before }: CollectionReport): number {
  return read - (before?.read ?? 0)
}

function sumOfReadNow(collections: readonly CollectionReport[]): number {
  return collections.reduce((sum, collection) => sum + readNow(collection), 0)
}

function unfinished({ state, read }: CollectionReport): string {
  return state === 'done' ? '' : state === 'waiting' && read === 0 ? ' (not begun)' : ' (not whole)'
}

function notes(report: Readonly<RunReport>, view: SummaryView): string[] {
  const { columns = Infinity } = view
  const stripped = sumOf(report.collections, 'stripped')
  // Told by a note, with what takes them along.
  const filtered = sumOf(report.collections, 'filteredBy').filter(([stage]) => stage !== 'leave-out-design-documents')
  const would = report.dryRun ? 'would be ' : ''
  const skipped = report.collections.filter(collection => collection.skipped > 0)
  // Firestore's come to be with their first document.
  const isMade = ({ created, written }: CollectionReport): boolean => created && (written > 0 || report.target.provider !== 'firestore')
  const created = report.collections.filter(isMade).length
  const now = sumOfReadNow(report.collections)
  const before = totalCounts(report.collections).read - now
  const texts = [
    ...(before > 0
      ? [
          `time and docs/s are of this process, which read ${plural(now, 'document')}; ${formatCount(before)} were read before the run went on`
        ]
      : []),
    ...(created > 0 && keepsWhatIsWritten(report)
      ? [`${plural(created, 'collection')} ${report.dryRun ? 'would be created' : 'created'} in the target`]
      : []),
    ...attachmentsLine(report.collections, report.dryRun),
    ...stripped.map(([field, count]) => `${field} ${would}stripped from ${plural(count, 'document')}`),
    ...filtered.map(([stage, count]) => `${plural(count, 'document')} ${would}left out by ${safe(stage)}`),
    ...skipped
      .slice(0, 5)
      .map(
        ({ target, skipped: count, skippedExamples }) =>
          `${safe(target)}: ${plural(count, 'document')} ${would}skipped, whose ids are there already or came before${examplesOf(skippedExamples, count)}`
      ),
    ...(skipped.length > 5 ? [`documents ${would || 'were '}skipped in ${plural(skipped.length - 5, 'more collection')}`] : []),
    ...(report.notTaken.length > 0 ? [`not taken: ${listOf(report.notTaken)}`] : []),
    ...(view.plan ? [] : conversionNotes(report)),
    ...(report.retries > 0 ? [plural(report.retries, 'retry', 'retries')] : []),
    ...report.notes.map(safe)
  ]
  return texts.flatMap(text => indentedLines(text, '- ', columns))
}

function attachmentsLine(collections: readonly CollectionReport[], dryRun: boolean): string[] {
  const count = collections.reduce((sum, { attachments = 0 }) => sum + attachments, 0)
  const bytes = collections.reduce((sum, { attachmentBytes = 0 }) => sum + attachmentBytes, 0)
  return count === 0
    ? []
    : [`${plural(count, 'attachment')}, ${formatBytes(bytes)}, ${dryRun ? 'would be ' : ''}written with their documents`]
}

export function failures(report: Readonly<RunReport>, { columns = Infinity }: SummaryView, style: Style): string[] {
  const groups = report.collections.flatMap(collection => collection.failures.map(group => ({ collection, group })))
  const total = totalCounts(report.collections).failed
  if (total === 0) return []
  const shown = groups.sort((a, b) => b.group.count - a.group.count).slice(0, 20)
  const told = new Set<string>()
  const tip = (failure: FailureGroup): string[] => {
    const text = adviceForFailures(failure, report)
    if (text === undefined || told.has(text)) return []
    told.add(text)
    return indentedLines(text, '  try: ', columns)
  }
  return [
    '',
    style.red(`${plural(total, 'document')} ${report.dryRun ? 'would fail' : 'failed'}:`),
    ...shown.flatMap(({ collection, group }) => [
      ...indentedLines(`${safe(collection.source)}: ${formatCount(group.count)} x ${group.code}: ${safe(group.message)}`, '- ', columns),
      ...indentedLines(group.examples.map(visible).join(', ') + (group.count > group.examples.length ? ', ...' : ''), '  which: ', columns),
      ...tip(group)
    ]),
    ...(groups.length > shown.length
      ? [`- and ${plural(groups.length - shown.length, 'more kind')} of failure: see --json or the dead letters`]
      : []),
    ''
  ]
}

/** An id, also one that would not be seen. */
function visible(id: string): string {
  return id.trim() === '' ? `"${safe(id)}"` : safe(id)
}

/** Providers whose documents are there only when the run has come to its end. */
const wholeOrNothing: ReadonlySet<PlaceName> = new Set(['file', 'memory'])

function verdict(report: Readonly<RunReport>, { nowMs, plan, command }: SummaryView, style: Style): string {
  const counts = totalCounts(report.collections)
  const took = formatDuration((report.finishedAt ?? nowMs) - report.startedAt)
  const written = plural(counts.written, 'document')
  if (report.state === 'interrupted' || report.state === 'failed') {
    const how = report.state === 'interrupted' ? 'Interrupted' : 'Failed'
    const paint = report.state === 'interrupted' ? style.yellow : style.red
    if (report.dryRun) return paint(`${how} after ${took}, in a dry run: nothing was written.`)
    const next = goOnCommand(report, command)
    if (command === 'retry')
      return paint(`${how} after ${took}; the dead letters are as they were.${next === undefined ? '' : ` To try them again: ${next}`}`)
    if (report.piped) return paint(`${how} after ${took}, before the output was complete. A pipe can not be gone on with: begin again.`)
    const goOn = goOnText(report, next)
    if (report.readsOnce && report.spoilt === undefined)
      return paint(`${how} after ${took}; ${written} written. ${report.source.address} can not be gone on with: begin again.`)
    if (wholeOrNothing.has(report.target.provider)) return paint(`${how} after ${took}, before the output was complete.${goOn}`)
    return paint(`${how} after ${took}; ${written} written.${goOn}`)
  }
  if (counts.read === 0) return style.yellow(`Done in ${took}, but there was nothing to read: the source holds no documents.`)
  if (report.dryRun) {
    const start = `Dry run: nothing was written. ${plan?.sample === undefined ? '' : 'Of the sample, '}${written} would be written`
    return counts.failed > 0
      ? style.yellow(`${start}, ${formatCount(counts.failed)} would fail (${took}).`)
      : style.green(`${start} (${took}).`)
  }
  const before = writtenBeforeText(report)
  if (counts.failed > 0)
    return style.red(`Finished in ${took} with failures: ${written} written, ${formatCount(counts.failed)} not${before}.`)
  return style.green(`Done in ${took}: ${written} written${before}.`)
}

/** What was written behind a mark that had not passed is read again, and so it is not among the counts that the run went on with. */
function writtenBeforeText({ collections, writtenBefore = 0 }: Readonly<RunReport>): string {
  const kept = collections.reduce((sum, { before }) => sum + (before?.written ?? 0), 0)
  const written = Math.max(kept, writtenBefore)
  if (written === 0) return ''
  const again = written > kept ? `; ${formatCount(written - kept)} of them were read again` : ', and not read again'
  return ` (${formatCount(written)} were written before the run went on${again})`
}

function goOnText(report: Readonly<RunReport>, next: string | undefined): string {
  if (report.spoilt !== undefined) return ` ${spoiltText(report)}`
  if (next !== undefined) return ` ${whenToGoOn(report)}: ${next}`
  if (needsAnotherInput(report))
    return ' It can not be gone on with as long as that document is as it is: mend the input, or choose other options, and begin anew.'
  return report.ended ? ' It can not be gone on with: begin anew.' : ''
}

/** What hangs on the input, or on a stage, fails again as long as these are what they were. */
function whenToGoOn({ state, source, collections, stoppedBy }: Readonly<RunReport>): string {
  const isStage = state === 'failed' && collections.some(({ failures }) => failures.some(({ code }) => code === 'DOCFERRY_STAGE'))
  if (isStage) return 'Once the document, or the code of the stage, is mended, go on with'
  if (stoppedBy === 'DOCFERRY_FILE_CUT') return 'Once the whole file is in its place, go on with'
  if (stoppedBy === 'DOCFERRY_FILE_MISSING') return 'Once the file is in its place again, go on with'
  if (stoppedBy === 'DOCFERRY_DECODE' && source.provider === 'file') return 'Once the right input is in its place, go on with'
  if (stoppedBy === 'DOCFERRY_OUTPUT_EXISTS') return 'Once nothing stands in its place any more, go on with'
  if (isOfDocument(stoppedBy)) return 'Once that document is mended in the source, go on with'
  return 'To go on with it'
}

/** What is written can't be told to be right, and going on would begin behind it. */
function spoiltText(report: Readonly<RunReport>): string {
  const anew = 'put the right input in its place, and begin anew.'
  const why = "It can't be gone on with, for what it has read may be wrong:"
  if (wholeOrNothing.has(report.target.provider)) return `${why} ${anew}`
  const undo = undoCommand(report)
  return `${why} take back what it wrote${undo === undefined ? ' (or overwrite it: --on-conflict overwrite)' : ` (${undo})`}, ${anew}`
}

function sumOf(collections: readonly CollectionReport[], key: 'stripped' | 'filteredBy'): [string, number][] {
  const sums = new Map<string, number>()
  for (const collection of collections) {
    for (const [name, count] of Object.entries(collection[key])) sums.set(name, (sums.get(name) ?? 0) + count)
  }
  return [...sums]
}

/** The first names of a list and how many follow. */
export function listOf(names: readonly string[], most = 12): string {
  const rest = names.length - most
  return names.slice(0, most).map(safe).join(', ') + (rest > 0 ? ` and ${formatCount(rest)} more` : '')
}

function examplesOf(examples: readonly string[], count: number): string {
  return examples.length === 0 ? '' : ` (${examples.map(safe).join(', ')}${count > examples.length ? ', ...' : ''})`
}

/** A file is made anew by each run; of a snapshot, nothing is left where the run did not come to its end. */
function keepsWhatIsWritten({ target: { provider }, state }: Readonly<RunReport>): boolean {
  if (provider === 'memory') return state === 'done' || state === 'partial'
  return provider !== 'file'
}
