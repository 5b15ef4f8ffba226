/** Progress: report in, lines of text out. */
import { totalCounts } from '../report.ts'
import type { CollectionReport, RunReport } from '../report.ts'
import { fractionDone, settledDocuments, settledNow, timeLeftMs } from './meter.ts'
import type { Meter, Rate } from './meter.ts'
import {
  displayWidth,
  fit,
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatTimeLeft,
  padEnd,
  padStart,
  plural,
  safe
} from './text.ts'
import type { Style } from './text.ts'

export interface ProgressView {
  readonly meter: Meter
  readonly nowMs: number
  readonly columns: number
  readonly rows: number
  readonly style: Style
}

/** One line of the block, in cells, so that the lines stand in columns. */
interface Row {
  readonly name: string
  readonly state: CollectionReport['state']
  readonly fraction: number | undefined
  readonly cells: Readonly<Record<Column, string>>
}

type Column = 'percent' | 'documents' | 'rate' | 'bytes' | 'left'

/** Columns that give way, first to last, on a narrow terminal; the bar gives way after the first. */
const layouts: readonly { readonly bar: number; readonly columns: readonly Column[] }[] = [
  { bar: 24, columns: ['percent', 'documents', 'rate', 'bytes', 'left'] },
  { bar: 12, columns: ['percent', 'documents', 'rate', 'bytes', 'left'] },
  { bar: 12, columns: ['percent', 'documents', 'rate', 'left'] },
  { bar: 0, columns: ['percent', 'documents', 'rate', 'left'] },
  { bar: 0, columns: ['percent', 'documents', 'left'] },
  { bar: 0, columns: ['percent', 'documents'] },
  { bar: 0, columns: ['percent'] }
]

const widestName = 24

/** The live block of a terminal: a bar per collection where all fit, else per running one, and a line for all together. */
export function progressLines(report: Readonly<RunReport>, view: ProgressView): string[] {
  const { style, columns } = view
  const most = Math.max(1, Math.min(view.rows - 3, 16))
  const all = report.collections
  const running = all.filter(({ state }) => state === 'running')
  const shown = all.length <= most ? all : running.slice(0, most)
  const rows = shown.map(collection => collectionRow(collection, view))
  if (all.length > 1) rows.push(totalRow(report, view))
  const lines = layOut(rows, columns - 1, style)
  const hidden = all.length <= most ? 0 : running.length - shown.length
  if (hidden > 0) lines.splice(shown.length, 0, style.dim(fit(`and ${formatCount(hidden)} more at work`, columns - 1)))
  return [...lines, style.dim(fit(overall(report, view.nowMs), columns - 1))]
}

function collectionRow(collection: CollectionReport, { meter, nowMs }: ProgressView): Row {
  const { state, expected } = collection
  const settled = settledDocuments(collection)
  const fraction = fractionDone([collection])
  const of = state !== 'done' && expected !== undefined && expected >= settled ? ` of ${formatCount(expected)}` : ''
  const rate = state === 'done' ? averageRate(collection, nowMs) : state === 'running' ? meter.rate(collection) : undefined
  const spentMs = (collection.finishedAt ?? nowMs) - (collection.startedAt ?? nowMs)
  const left = timeLeftMs([collection], rate)
  return {
    name: fit(nameOf(collection), widestName),
    state,
    fraction,
    cells: {
      percent: percentText(fraction, state),
      documents: `${formatCount(settled)}${of}`,
      rate: rate === undefined ? '' : formatRate(rate.documentsPerSecond),
      bytes: rate === undefined ? '' : `${formatBytes(rate.bytesPerSecond)}/s`,
      left: state === 'done' ? formatDuration(spentMs) : left === undefined || state === 'waiting' ? '' : `${formatTimeLeft(left)} left`
    }
  }
}

function totalRow(report: Readonly<RunReport>, { meter }: ProgressView): Row {
  const settled = settledDocuments(totalCounts(report.collections))
  const fraction = fractionDone(report.collections)
  const rate = meter.rate()
  const left = timeLeftMs(report.collections, rate)
  const ending = report.state === 'running' && report.collections.every(({ state }) => state === 'done')
  return {
    name: 'all',
    state: 'running',
    fraction,
    cells: {
      percent: percentText(fraction, 'running'),
      documents: `${formatCount(settled)}${expectedTotal(report, settled)}`,
      rate: rate === undefined ? '' : formatRate(rate.documentsPerSecond),
      bytes: rate === undefined ? '' : `${formatBytes(rate.bytesPerSecond)}/s`,
      left: ending ? 'finishing' : left === undefined ? '' : `${formatTimeLeft(left)} left`
    }
  }
}

function expectedTotal(report: Readonly<RunReport>, settled: number): string {
  let expected = 0
  for (const collection of report.collections) {
    if (collection.state === 'done') expected += settledDocuments(collection)
    else if (collection.expected === undefined) return ''
    else expected += collection.expected
  }
  return expected > settled ? ` of ${formatCount(expected)}` : ''
}

/** An estimate is never shown as done before it is. */
function percentText(fraction: number | undefined, state: CollectionReport['state']): string {
  if (state === 'done') return '100%'
  return fraction === undefined ? '' : `${Math.min(99, Math.floor(fraction * 100))}%`
}

function averageRate(collection: CollectionReport, nowMs: number): Rate | undefined {
  const seconds = ((collection.finishedAt ?? nowMs) - (collection.startedAt ?? nowMs)) / 1000
  if (seconds <= 0) return undefined
  const { documents, bytes } = settledNow(collection)
  return { documentsPerSecond: documents / seconds, bytesPerSecond: bytes / seconds }
}

function nameOf({ source, target }: CollectionReport): string {
  return safe(source === target ? source : `${source} -> ${target}`)
}

function layOut(rows: readonly Row[], columns: number, style: Style): string[] {
  const nameWidth = Math.max(0, ...rows.map(row => displayWidth(row.name)))
  const widths = (name: Column): number => Math.max(...rows.map(row => displayWidth(row.cells[name])))
  const widthOf = ({ bar, columns: chosen }: (typeof layouts)[number]): number =>
    nameWidth + (bar > 0 ? bar + 2 : 0) + chosen.reduce((sum, name) => sum + (widths(name) > 0 ? widths(name) + 2 : 0), 0)
  const layout = layouts.find(candidate => widthOf(candidate) <= columns) ?? layouts.at(-1)!
  const shownColumns = layout.columns.filter(name => rows.length > 0 && widths(name) > 0)
  return rows.map(row => {
    const cells = shownColumns.map(name => padStart(row.cells[name], widths(name))).join('  ')
    const plain = `${padEnd(row.name, nameWidth)}  ${cells}`
    if (displayWidth(plain) + (layout.bar > 0 ? layout.bar + 2 : 0) > columns) return fit(plain, columns)
    const name = padEnd(row.name, nameWidth)
    if (row.state === 'waiting') return style.dim(`${name}${layout.bar > 0 ? `  ${bar(0, layout.bar)}` : ''}  ${cells}`)
    const drawn =
      layout.bar === 0
        ? ''
        : `  ${(row.state === 'done' ? style.green : style.cyan)(bar(row.state === 'done' ? 1 : row.fraction, layout.bar))}`
    return `${style.bold(name)}${drawn}  ${cells}`
  })
}

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** @param fraction undefined where nobody knows how much there is: no bar then */
function bar(fraction: number | undefined, width: number): string {
  if (fraction === undefined) return '·'.repeat(width)
  const filled = Math.floor(Math.min(1, Math.max(0, fraction)) * width * 8)
  const drawn = '█'.repeat(Math.floor(filled / 8)) + eighths[filled % 8]
  return drawn + '░'.repeat(width - drawn.length)
}

function overall(report: Readonly<RunReport>, nowMs: number): string {
  const counts = totalCounts(report.collections)
  const done = report.collections.filter(({ state }) => state === 'done').length
  const total = report.collections.length
  return [
    total > 1 ? `${formatCount(done)} of ${plural(total, 'collection')} done` : '',
    formatDuration(Math.floor((nowMs - report.startedAt) / 1000) * 1000 || nowMs - report.startedAt),
    plural(report.retries, 'retry', 'retries'),
    counts.skipped > 0 ? `${formatCount(counts.skipped)} skipped` : '',
    counts.failed > 0 ? `${formatCount(counts.failed)} failed` : ''
  ]
    .filter(part => part !== '')
    .join(', ')
}

/** How many running collections a plain line names. */
const namedInLine = 4

/** One line without a terminal, every few seconds. */
export function progressLine(report: Readonly<RunReport>, meter: Meter, nowMs: number): string {
  const settled = settledDocuments(totalCounts(report.collections))
  const rate = meter.rate()
  const share = percentText(fractionDone(report.collections), 'running')
  const left = timeLeftMs(report.collections, rate)
  const running = report.collections.filter(({ state }) => state === 'running')
  const named = running
    .slice(0, namedInLine)
    .map(
      collection =>
        `${nameOf(collection)} ${percentText(fractionDone([collection]), 'running') || formatCount(settledDocuments(collection))}`
    )
  return [
    `${formatCount(settled)}${expectedTotal(report, settled)} documents${share === '' ? '' : ` (${share})`}`,
    rate === undefined ? '' : `${formatRate(rate.documentsPerSecond)}, ${formatBytes(rate.bytesPerSecond)}/s`,
    left === undefined ? '' : `${formatTimeLeft(left)} left`,
    named.length === 0
      ? ''
      : `at work: ${named.join(', ')}${running.length > named.length ? ` and ${formatCount(running.length - named.length)} more` : ''}`,
    overall(report, nowMs)
  ]
    .filter(part => part !== '')
    .join('; ')
}
