/** What repairing shows: report in, lines of text or plain JSON out. */
import { leftOf, totalRepairCounts, workOf } from '../repair/report.ts'
import type { RepairCollection, RepairReport } from '../repair/report.ts'
import { totalCounts } from '../report.ts'
import { listNames } from '../report.ts'
import { totalVerifyCounts } from '../verify/report.ts'
import { errorJson } from './exit.ts'
import { undoCommand } from './hints.ts'
import { jsonReport, timesOf } from './json.ts'
import type { Outcome } from './json.ts'
import { failures } from './summary.ts'
import { fit, formatCount, formatDuration, indentedLines, plainStyle, plural, safe } from './text.ts'
import type { View } from './text.ts'
import { verifyJson, verifyProgress, verifySummary } from './verify-view.ts'

/** Ids in a line. */
const perLine = 5

export function repairHeading(report: Readonly<RepairReport>, { columns = Infinity, style = plainStyle }: View): string[] {
  const { source, target, runId, dryRun, deleteExtra } = report
  return [
    style.bold('docferry repair'),
    ...(runId === undefined ? [] : [`  run     ${runId}`]),
    ...(source ? [fit(`  source  ${source.provider} ${safe(source.address)}`, columns)] : []),
    fit(`  target  ${target.provider} ${safe(target.address)}`, columns),
    ...(deleteExtra ? indentedLines(safe(removalOf(report)), '  extra   ', columns) : []),
    ...(dryRun ? [style.yellow('  dry run: both ends are compared, nothing is changed')] : []),
    ''
  ]
}

function removalOf({ notEmpty, before: { collections } }: Readonly<RepairReport>): string {
  const removed = 'what only the target holds is removed (--delete-extra)'
  if (notEmpty.length === 0) return removed
  if (notEmpty.length === collections.length)
    return `nothing is removed (--delete-extra): there were documents in ${listNames(notEmpty)} before the run`
  return `${removed}, but not from ${listNames(notEmpty)}: there were documents before the run`
}

export function repairProgress(report: Readonly<RepairReport>, nowMs: number): string {
  const { phase, before, after, run, collections, startedAt } = report
  if (phase === 'comparing') return verifyProgress(before, nowMs)
  if (phase === 'comparing again' && after) return `comparing again: ${verifyProgress(after, nowMs)}`
  const { read = 0, written = 0, failed = 0 } = run ? totalCounts(run.collections) : {}
  const removed = collections.reduce((sum, collection) => sum + (collection.removed?.removed ?? 0), 0)
  return [
    `${formatCount(read)} documents of the source read`,
    `${formatCount(written)} written`,
    failed > 0 ? `${formatCount(failed)} failed` : '',
    removed > 0 ? `${formatCount(removed)} removed` : '',
    formatDuration(Math.floor((nowMs - startedAt) / 1000) * 1000 || nowMs - startedAt)
  ]
    .filter(part => part !== '')
    .join(', ')
}

/** What is going to be done, said before it is. */
export function repairPlan(report: Readonly<RepairReport>, { columns = Infinity, style = plainStyle }: View): string[] {
  const { collections, deleteExtra, before, notes } = report
  const lines = collections.flatMap(collection => planOf(collection, deleteExtra, columns))
  const all = before.differences === undefined ? [] : [`All that differs: ${safe(before.differences)}`]
  return [
    style.bold(workOf(report) === 0 ? 'Nothing to do.' : report.dryRun ? 'Would be done:' : 'To do:'),
    ...lines,
    ...[...before.notes, ...notes].flatMap(text => indentedLines(safe(text), '- ', columns)),
    ...all,
    ''
  ]
}

function planOf(collection: RepairCollection, deleteExtra: boolean, columns: number): string[] {
  const { target, isMissing, first, write, replace, leftAlone, remove, refused, changing, unreadable } = collection
  const name = safe(target)
  const line = (count: number, text: string, ids: readonly string[] = []): string[] => {
    if (count === 0) return []
    const rows = Array.from({ length: Math.ceil(ids.length / perLine) }, (_, row) => ids.slice(row * perLine, (row + 1) * perLine))
    const more = ids.length > 0 && count > ids.length ? [`    and ${formatCount(count - ids.length)} more`] : []
    return [
      ...indentedLines(`${name}: ${plural(count, 'document')} ${text}`, '- ', columns),
      ...rows.flatMap(row => indentedLines(row.map(visible).join(', '), '    ', columns)),
      ...more
    ]
  }
  return [
    ...line(write, isMissing ? 'to write: the target has no such collection' : 'to write: missing', first.write),
    ...line(replace, 'to replace: different', first.replace),
    ...line(leftAlone, 'different, and left: the run may have skipped them'),
    ...line(remove, deleteExtra ? 'to remove: extra' : 'extra, and left', first.remove),
    ...line(refused, 'missing that the target can not hold: not tried again'),
    ...line(changing, 'that went on changing: left'),
    ...line(unreadable, 'that can not be read or compared: left')
  ]
}

/** An id, also one that would not be seen. */
function visible(id: string): string {
  return id.trim() === '' ? `"${safe(id)}"` : safe(id)
}

export function repairSummary(report: Readonly<RepairReport>, view: View): string[] {
  const { columns = Infinity, style = plainStyle, nowMs } = view
  const { run, removed, before, after, collections, endNotes } = report
  const counts = run && totalCounts(run.collections)
  return [
    ...(counts && run.finishedAt !== undefined ? [`${plural(counts.written, 'document')} written`] : []),
    ...(counts && counts.skipped > 0
      ? [
          `${formatCount(counts.skipped)} left: the target holds another document of the id by now, or the source holds the id more than once`
        ]
      : []),
    ...collections.flatMap(each => removedLines(each, columns)),
    // Where nothing was done, the plan stands right above.
    ...(run || before.state === 'equal' ? endNotes : []).flatMap(text => indentedLines(safe(text), '- ', columns)),
    ...(run ? failures(run, { nowMs, ...(columns !== Infinity && { columns }) }, style) : []),
    ...(run?.deadLetters === undefined ? [] : [`Dead letters: ${safe(run.deadLetters)}`]),
    ...(run ? undoLines(report) : []),
    ...(removed === undefined ? [] : [`Removed documents: ${safe(removed)}`, `To bring them back: ${importCommand(removed, report)}`]),
    ...(after && report.phase === 'ended' && report.state !== 'failed' && report.state !== 'interrupted'
      ? ['', style.bold('Compared again:'), ...verifySummary(after, view).slice(0, -1)]
      : []),
    verdict(report, view)
  ].filter((line, index, lines) => line !== '' || lines[index - 1] !== '')
}

function undoLines({ run }: Readonly<RepairReport>): string[] {
  const command = run && undoCommand(run)
  return command === undefined ? [] : [`To undo what was written: ${command}`]
}

/** Names are as an escaping run has written them, and every field is the document's own. */
function importCommand(removed: string, { target, types, includeDesign }: Readonly<RepairReport>): string {
  const how = [
    ...(types === 'natural' ? [] : [`--types ${types}`]),
    ...(includeDesign ? ['--include-design'] : []),
    '--on-incompatible escape',
    // Its own fields are none of the documents that were removed.
    ...(target.provider === 'couchdb' ? [] : ['--keep-metadata'])
  ]
  return `docferry import --input ${JSON.stringify(safe(removed))} --target ${target.provider} ${how.join(' ')} (--target as it was given here)`
}

function removedLines({ target, removed }: RepairCollection, columns: number): string[] {
  if (!removed) return []
  const { removed: count, changed, gone, notKept, failed } = removed
  const parts = [
    `${plural(count, 'document')} removed`,
    changed > 0 ? `${formatCount(changed)} left, changed or not extra any more` : '',
    gone > 0 ? `${formatCount(gone)} gone already` : '',
    notKept > 0 ? `${formatCount(notKept)} left, with attachments, which can not be kept` : '',
    failed > 0 ? `${formatCount(failed)} that the target did not remove` : ''
  ]
  return indentedLines(`${safe(target)}: ${parts.filter(part => part !== '').join(', ')}`, '- ', columns)
}

function verdict(report: Readonly<RepairReport>, { nowMs, style = plainStyle }: View): string {
  const { state, dryRun, before, after = before, run, startedAt, finishedAt = nowMs } = report
  const took = formatDuration(finishedAt - startedAt)
  const documents = plural(totalVerifyCounts(after.collections).targetDocuments, 'document')
  const left = plural(leftOf(report), 'difference')
  const again = 'the same command goes on with the rest'
  if (state === 'equal') return style.green(`Equal: ${documents}, ${run ? 'repaired' : 'nothing to repair'}, in ${took}.`)
  if (dryRun && state === 'different') return style.yellow(`Dry run: nothing was changed. Different: ${left} (${took}).`)
  if (state === 'different') return style.yellow(`Different still: ${left} in ${documents}, in ${took}.`)
  if (state === 'partial') return style.red(`Not all could be written: ${left} left in ${documents}, in ${took}.`)
  const how = state === 'interrupted' ? 'Interrupted' : 'Failed'
  const paint = state === 'interrupted' ? style.yellow : style.red
  return paint(run?.folder === undefined ? `${how} after ${took}; nothing was changed.` : `${how} after ${took}; ${again}.`)
}

export function repairJson({ exitCode, report, error, mask, nowMs }: Outcome<RepairReport>): object {
  const failure = error === undefined ? {} : { error: errorJson(error, mask) }
  if (!report) return { command: 'repair', state: 'failed', exitCode, ...failure }
  const { startedAt, finishedAt = nowMs, notes, endNotes: _endNotes, before, after, run, ...rest } = report
  const part = { exitCode, error: undefined, mask, nowMs }
  const nested = (json: object): object => {
    const { command: _command, exitCode: _exitCode, ...inner } = json as Record<string, unknown>
    return inner
  }
  return {
    command: 'repair',
    ...rest,
    notes: notes.map(mask),
    exitCode,
    ...failure,
    ...timesOf(startedAt, finishedAt),
    totals: totalRepairCounts(report.collections),
    before: nested(verifyJson({ ...part, report: before })),
    ...(run && { run: nested(jsonReport({ ...part, command: 'repair', report: run })) }),
    ...(after && { after: nested(verifyJson({ ...part, report: after })) })
  }
}
