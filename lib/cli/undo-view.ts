/** What undoing a run shows: report in, lines of text or plain JSON out. */
import { timesOf } from './json.ts'
import type { Outcome } from './json.ts'
import { leftOf } from '../undo/report.ts'
import type { UndoCollection, UndoCounts, UndoReport } from '../undo/report.ts'
import { advice } from './advice.ts'
import { errorJson } from './exit.ts'
import { commandFor } from './hints.ts'
import { fit, formatCount, formatDuration, indentedLines, padEnd, padStart, plainStyle, plural, safe } from './text.ts'
import type { Style, View } from './text.ts'

export interface UndoView extends View {
  /** Where the run's folder is. */
  readonly stateDir?: string | undefined
}

const titles = {
  removed: 'removed',
  putBack: 'put back',
  already: 'nothing to do',
  changed: 'changed since',
  gone: 'removed since',
  failed: 'failed',
  unknown: 'not known'
} as const satisfies Record<keyof UndoCounts, string>

const keys = Object.keys(titles) as (keyof UndoCounts)[]

/** Most collections in the table; the rest is in the total. */
const mostRows = 50

export function undoHeading(
  { runId, target, dryRun }: Readonly<UndoReport>,
  { columns = Infinity, style = plainStyle }: UndoView
): string[] {
  return [
    style.bold('docferry undo'),
    `  run  ${runId}`,
    fit(`  at   ${target.provider} ${safe(target.address)}`, columns),
    '  mode what was changed since the run is left',
    ...(dryRun ? [style.yellow('  dry run: every document is looked at, nothing is changed')] : []),
    ''
  ]
}

export function undoProgress(report: Readonly<UndoReport>, nowMs: number): string {
  const { bytes, startedAt, retries } = report
  const { removed, putBack, changed, gone } = totals(report)
  const share = bytes.total === 0 ? 100 : Math.floor((100 * bytes.done) / bytes.total)
  return [
    `${formatCount(removed + putBack)} documents ${report.dryRun ? 'would be undone' : 'undone'} (${share}%)`,
    changed > 0 ? `${formatCount(changed)} changed since` : '',
    gone > 0 ? `${formatCount(gone)} removed since` : '',
    plural(retries, 'retry', 'retries'),
    formatDuration(Math.floor((nowMs - startedAt) / 1000) * 1000 || nowMs - startedAt)
  ]
    .filter(part => part !== '')
    .join(', ')
}

export function undoSummary(report: Readonly<UndoReport>, view: UndoView): string[] {
  const { columns = Infinity, style = plainStyle } = view
  const notes = [...report.collections.flatMap(collection => notesOf(collection, report)), ...report.notes]
  return [
    ...table(report, columns, style),
    '',
    ...notes.flatMap(text => indentedLines(safe(text), '- ', columns)),
    ...report.collections.flatMap(({ name, failures }) =>
      failures.flatMap(({ code, count, message, examples }) => [
        ...indentedLines(safe(`${name}: ${formatCount(count)} x ${code}: ${message} (${listed(examples, count)})`), '- ', columns),
        ...(advice[code] === undefined ? [] : indentedLines(advice[code], '  try: ', columns))
      ])
    ),
    ...(report.left === undefined ? [] : [`All that was left: ${safe(report.left)}`]),
    verdict(report, view)
  ].filter((line, index, lines) => line !== '' || lines[index - 1] !== '')
}

function table({ collections, ...report }: Readonly<UndoReport>, columns: number, style: Style): string[] {
  const total = totals({ ...report, collections })
  // A column in which nothing stands says nothing.
  const shown = keys.filter(key => key === 'removed' || total[key] > 0)
  const rows = collections.slice(0, mostRows).map(collection => ({ name: safe(collection.name), counts: collection as UndoCounts }))
  if (collections.length > 1) rows.push({ name: `total of ${formatCount(collections.length)}`, counts: total })
  const widths = shown.map(key => Math.max(titles[key].length, formatCount(total[key]).length))
  const nameWidth = Math.min(
    Math.max(10, ...rows.map(({ name }) => name.length)),
    Math.max(10, columns - widths.reduce((a, b) => a + b + 2, 0))
  )
  const line = (name: string, cells: readonly string[]): string =>
    padEnd(fit(name, nameWidth), nameWidth) + cells.map((cell, index) => `  ${padStart(cell, widths[index]!)}`).join('')
  return [
    style.dim(
      line(
        'collection',
        shown.map(key => titles[key])
      )
    ),
    ...rows.map(({ name, counts }) =>
      line(
        name,
        shown.map(key => formatCount(counts[key]))
      )
    )
  ]
}

function notesOf(
  { name, created, dropped, changed, gone, unknown, changedExamples, goneExamples }: UndoCollection,
  { dryRun }: Readonly<UndoReport>
): string[] {
  return [
    ...(dropped ? [`${name}: the run created this collection; it is empty again, and removed`] : []),
    ...(dryRun && created ? [`${name}: the run created this collection; it would be removed if it is empty then`] : []),
    ...(changed > 0
      ? [`${name}: ${plural(changed, 'document')} changed since ${dryRun ? 'would be' : 'were'} left (${listed(changedExamples, changed)})`]
      : []),
    ...(gone > 0
      ? [
          `${name}: ${plural(gone, 'document')} that the run had replaced, removed since, ${dryRun ? 'would not be' : 'were not'} put back (${listed(goneExamples, gone)})`
        ]
      : []),
    ...(unknown > 0
      ? [
          `${name}: ${plural(unknown, 'document')} that the run wrote stay: they may have replaced others, or been there before, and nothing was kept to tell by (--undoable keeps it)`
        ]
      : [])
  ]
}

function verdict(report: Readonly<UndoReport>, { nowMs, stateDir, style = plainStyle }: UndoView): string {
  const took = formatDuration((report.finishedAt ?? nowMs) - report.startedAt)
  const total = totals(report)
  const { removed, putBack } = total
  const done = `${plural(removed, 'document')} ${report.dryRun ? 'would be ' : ''}removed, ${formatCount(putBack)} put back`
  if (report.state === 'interrupted' || report.state === 'failed') {
    const goOn = report.dryRun ? 'nothing was changed.' : `${done}. To go on: ${commandFor('undo', report.runId, stateDir)}`
    return (report.state === 'interrupted' ? style.yellow : style.red)(
      `${report.state === 'interrupted' ? 'Interrupted' : 'Failed'} after ${took}; ${goOn}`
    )
  }
  const left = leftOf(total)
  const start = report.dryRun
    ? 'Dry run: nothing was changed. '
    : left > 0 || report.mayRemain
      ? `Finished in ${took}: `
      : `Undone in ${took}: `
  if (left > 0) return style.yellow(`${start}${done}, ${formatCount(left)}${report.mayRemain ? ' or more' : ''} left.`)
  return report.mayRemain
    ? style.yellow(`${start}${done}; what was in flight when the run stopped may be left.`)
    : style.green(`${start}${done}.`)
}

export interface UndoOutcome extends Outcome<UndoReport> {
  /** The command that goes on with what the error has stopped. */
  readonly goOn?: string | undefined
}

export function undoJson({ exitCode, report, error, goOn, mask, nowMs }: UndoOutcome): object {
  const failure = error === undefined ? {} : { error: errorJson(error, mask, goOn) }
  if (!report) return { command: 'undo', state: 'failed', exitCode, ...failure }
  const { startedAt, finishedAt = nowMs, ...rest } = report
  return {
    command: 'undo',
    ...rest,
    exitCode,
    ...failure,
    ...timesOf(startedAt, finishedAt),
    totals: totals(report)
  }
}

function totals({ collections }: Readonly<UndoReport>): UndoCounts {
  const sum = (key: keyof UndoCounts): number => collections.reduce((total, collection) => total + collection[key], 0)
  return Object.fromEntries(keys.map(key => [key, sum(key)])) as unknown as UndoCounts
}

function listed(examples: readonly string[], count: number): string {
  return examples.map(id => (id.trim() === '' ? `"${id}"` : id)).join(', ') + (count > examples.length ? ', ...' : '')
}
