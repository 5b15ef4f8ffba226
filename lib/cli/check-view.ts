/** What a checklist shows: report in, lines of text or plain JSON out. */
import { countResults } from '../check/report.ts'
import type { CheckedCollection, CheckLine, CheckPhase, CheckReport, CheckResult } from '../check/report.ts'
import { errorTable } from '../errors.ts'
import { adviceFor } from './advice.ts'
import { errorJson } from './exit.ts'
import { timesOf } from './json.ts'
import type { Outcome } from './json.ts'
import { fit, formatCount, formatDuration, indentedLines, padEnd, padStart, plainStyle, plural, safe } from './text.ts'
import type { Style, View } from './text.ts'

export interface CheckView extends View {
  /** Whether warnings count as failures. */
  readonly strict?: boolean
}

const words = { ok: 'ok', warning: 'warning', failed: 'FAILED', skipped: 'skipped', person: 'to do' } as const satisfies Record<
  CheckResult,
  string
>
const wordWidth = 9

export const phaseTitles = {
  before: 'before the migration',
  during: 'while it runs',
  after: 'after the migration'
} as const satisfies Record<CheckPhase, string>

/** Most collections in the table. */
const mostRows = 50

export function checkHeading({ phase, runId }: Readonly<CheckReport>, { style = plainStyle }: View): string[] {
  return [style.bold(`docferry check: ${phaseTitles[phase]}`), ...(runId === undefined ? [] : [`  run     ${runId}`]), '']
}

export function checkProgress({ step, lines, startedAt }: Readonly<CheckReport>, nowMs: number): string {
  const { failed, warning } = countResults(lines)
  return [
    `${formatCount(lines.length)} points looked at`,
    step === '' ? '' : `now: ${safe(step)}`,
    failed > 0 ? `${failed} failed` : '',
    warning > 0 ? plural(warning, 'warning') : '',
    formatDuration(Math.floor((nowMs - startedAt) / 1000) * 1000 || nowMs - startedAt)
  ]
    .filter(part => part !== '')
    .join(', ')
}

export function checkSummary(report: Readonly<CheckReport>, view: CheckView): string[] {
  const { columns = Infinity, style = plainStyle } = view
  const { source, target, lines, collections, notes } = report
  const machine = lines.filter(({ result }) => result !== 'person')
  const people = lines.filter(({ result }) => result === 'person')
  return [
    ...(source ? [fit(`  source  ${source.provider} ${safe(source.address)}`, columns)] : []),
    ...(target ? [fit(`  target  ${target.provider} ${safe(target.address)}`, columns)] : []),
    '',
    ...machine.flatMap(line => lineOf(line, columns, style)),
    '',
    ...countTable(collections, columns, style),
    ...(people.length > 0 ? [style.bold('For people to do'), ...people.flatMap(line => lineOf(line, columns, style)), ''] : []),
    ...notes.flatMap(note => indentedLines(safe(note), '- ', columns)),
    ...(notes.length > 0 ? [''] : []),
    verdict(report, view)
  ]
}

function lineOf({ what, result, detail, ...line }: CheckLine, columns: number, style: Style): string[] {
  const text = safe(detail === undefined ? what : `${what}: ${detail}`)
  const word = result === 'person' ? '[ ]' : words[result]
  const paint = { ok: style.green, warning: style.yellow, failed: style.red, skipped: style.dim, person: style.cyan }[result]
  const width = result === 'person' ? 4 : wordWidth
  const [first = '', ...rest] = indentedLines(text, ' '.repeat(width), columns)
  const advice = adviceOf(line)
  const tip = advice === undefined ? [] : indentedLines(safe(advice), `${' '.repeat(width)}try: `, columns)
  return [`${padEnd(paint(word), width)}${first.slice(width)}`, ...rest, ...tip]
}

function countTable(collections: readonly CheckedCollection[], columns: number, style: Style): string[] {
  if (collections.length === 0) return []
  const rows = collections.slice(0, mostRows).map(({ source, target, sourceDocuments, targetDocuments }) => ({
    name: safe(source === target ? source : `${source} -> ${target}`),
    counts: [sourceDocuments, targetDocuments].map(count => (count === undefined ? '?' : formatCount(count)))
  }))
  const nameWidth = Math.min(Math.max(10, ...rows.map(({ name }) => name.length)), Math.max(10, columns - 26))
  const line = (name: string, cells: readonly string[]): string =>
    padEnd(fit(name, nameWidth), nameWidth) + cells.map(cell => padStart(cell, 13)).join('')
  const more = collections.length - rows.length
  return [
    style.dim(line('collection', ['source', 'target'])),
    ...rows.map(({ name, counts }) => line(name, counts)),
    ...(more > 0 ? [`and ${formatCount(more)} more`] : []),
    ''
  ]
}

function verdict({ lines, state }: Readonly<CheckReport>, { style = plainStyle, strict = false }: CheckView): string {
  const counts = countResults(lines)
  const told = [
    `${counts.ok} ok`,
    ...(counts.warning > 0 ? [plural(counts.warning, 'warning')] : []),
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(counts.skipped > 0 ? [`${counts.skipped} skipped`] : []),
    ...(counts.person > 0 ? [`${counts.person} for people`] : [])
  ].join(', ')
  if (state === 'interrupted' || state === 'running') return style.yellow(`Interrupted; the list is not whole: ${told}.`)
  if (counts.failed > 0) return style.red(`Not ready: ${told}.`)
  if (counts.warning > 0) return (strict ? style.red : style.yellow)(`${strict ? 'Not ready' : 'Look at the warnings'}: ${told}.`)
  return style.green(`All right: ${told}.`)
}

export function checkJson({ exitCode, report, error, mask, nowMs }: Outcome<CheckReport>): object {
  const failure = error === undefined ? {} : { error: errorJson(error, mask) }
  if (!report) return { command: 'check', state: 'failed', exitCode, ...failure }
  const { startedAt, finishedAt = nowMs, step: _step, lines, ...rest } = report
  return {
    command: 'check',
    ...rest,
    exitCode,
    ...failure,
    ...timesOf(startedAt, finishedAt),
    totals: countResults(lines),
    lines: lines.map(({ id, what, result, detail, code, ...line }) => {
      const advice = adviceOf({ code, ...line })
      return {
        id,
        what,
        result,
        ...(detail !== undefined && { detail: mask(detail) }),
        ...(advice !== undefined && { advice: mask(advice) }),
        ...(code && { code, exit: errorTable[code].exit })
      }
    })
  }
}

/** What to do about it: its own, or what helps against errors of its kind. */
export function adviceOf({
  code,
  advice
}: Pick<CheckLine, 'advice'> & { readonly code?: CheckLine['code'] | undefined }): string | undefined {
  return advice ?? (code && adviceFor(code))
}
