/** What replicating shows: report in, lines of text or plain JSON out. */
import { holdsSecret, withPasswordVariable } from '../config/hide-credentials.ts'
import { quoted } from '../guide/ends.ts'
import { isSettled, totalReplicationCounts } from '../replicate/report.ts'
import type { ReplicatedCollection, ReplicateReport } from '../replicate/report.ts'
import { differencesOf, totalVerifyCounts } from '../verify/report.ts'
import { errorJson } from './exit.ts'
import { timesOf } from './json.ts'
import type { Outcome } from './json.ts'
import { revisionLines, troubleLines, unmatched } from './replicate-findings.ts'
import { fit, formatCount, formatDuration, indentedLines, padEnd, padStart, plainStyle, plural, safe } from './text.ts'
import type { Style, View } from './text.ts'
import { verifyJson } from './verify-view.ts'

export function replicateHeading(report: Readonly<ReplicateReport>, { columns = Infinity, style = plainStyle }: View): string[] {
  const { source, target, on, version, mode, transient, filter, collections } = report
  const kind = [mode, transient ? 'leaving no document (_replicate)' : 'by documents of _replicator']
  return [
    style.bold('docferry replicate'),
    fit(`  source  ${source.provider} ${safe(source.address)}`, columns),
    fit(`  target  ${target.provider} ${safe(target.address)}`, columns),
    fit(`  by      ${version} at ${safe(on.address)}`, columns),
    `  what    ${plural(collections.length, 'database')}, ${kind.join(', ')}${filter === undefined ? '' : filter === 'ids' ? ', only the documents named' : ', only what the selector fits'}`,
    ''
  ]
}

/** At most so many are named. */
const mostNamed = 3

export function replicateProgress(report: Readonly<ReplicateReport>, nowMs: number): string {
  const { collections, phase, startedAt } = report
  const { documentsWritten, writeFailures, pending } = totalReplicationCounts(collections)
  const open = collections.filter(each => each.id !== undefined && !isSettled(each))
  const named = open
    .slice(0, mostNamed)
    .map(({ source, state, errors }) => `${safe(source)} (${state}${errors > 0 ? `, ${plural(errors, 'crash', 'crashes')}` : ''})`)
  const more = open.length > named.length ? ` and ${formatCount(open.length - named.length)} more` : ''
  return [
    `${formatCount(collections.filter(isSettled).length)} of ${plural(collections.length, 'database')}`,
    `${plural(documentsWritten, 'document')} written`,
    writeFailures > 0 ? plural(writeFailures, 'write failure') : '',
    pending === undefined ? '' : `${plural(pending, 'change')} pending`,
    named.length > 0 && phase !== 'verifying' ? `at work: ${named.join(', ')}${more}` : '',
    phase === 'verifying' ? 'comparing both sides' : phase === 'following' ? 'following; Ctrl-C leaves it to the server' : '',
    formatDuration(Math.floor((nowMs - startedAt) / 1000) * 1000 || nowMs - startedAt)
  ]
    .filter(part => part !== '')
    .join('; ')
}

/** @param on the server that replicates, as it was written; masked later, as all lines are */
export function replicateSummary(report: Readonly<ReplicateReport>, on: string, view: View): string[] {
  const { columns = Infinity, style = plainStyle } = view
  const { collections } = report
  return [
    ...table(collections, columns, style),
    '',
    ...collections.flatMap(each => troubleLines(each, view, collections.length > 1)),
    ...[...unmatched(report), ...report.notes].flatMap(text => indentedLines(safe(text), '- ', columns)),
    ...revisionLines(report, columns),
    ...keptLines(report, on),
    verdict(report, view)
  ].filter((line, index, lines) => line !== '' || lines[index - 1] !== '')
}

function table(collections: readonly ReplicatedCollection[], columns: number, style: Style): string[] {
  const total = totalReplicationCounts(collections)
  const has = (test: (each: ReplicatedCollection) => boolean): boolean => collections.some(test)
  const isVerified = has(({ verified }) => verified !== undefined)
  const figures: readonly (readonly [string, (each: Figured) => number | undefined, number])[] = [
    ['read', ({ counts }) => counts.documentsRead, total.documentsRead],
    ['written', ({ counts }) => counts.documentsWritten, total.documentsWritten],
    ...(total.writeFailures > 0 ? ([['refused', (each: Figured) => each.counts.writeFailures, total.writeFailures]] as const) : []),
    ...(isVerified ? ([['equal', equalOf, sum(collections, equalOf)]] as const) : []),
    ...(sum(collections, differentOf) > 0 ? ([['different', differentOf, sum(collections, differentOf)]] as const) : []),
    ...(has(({ revisions }) => revisions !== undefined)
      ? ([['revisions', (each: Figured) => each.revisions?.revisions, sum(collections, each => each.revisions?.revisions)]] as const)
      : []),
    ...(sum(collections, lackingOf) > 0 ? ([['lacking', lackingOf, sum(collections, lackingOf)]] as const) : [])
  ]
  const names = collections.map(({ source, target }) => safe(source === target ? source : `${source} -> ${target}`))
  const states = collections.map(({ state }) => state)
  const stateWidth = Math.max(5, ...states.map(state => state.length))
  const widths = figures.map(([title, , most]) => Math.max(title.length, formatCount(most).length))
  const rest = stateWidth + 2 + widths.reduce((a, b) => a + b + 2, 0)
  const nameWidth = Math.min(Math.max(8, ...names.map(name => name.length)), Math.max(8, columns - rest))
  const line = (name: string, state: string, cells: readonly string[]): string =>
    `${padEnd(fit(name, nameWidth), nameWidth)}  ${padEnd(state, stateWidth)}${cells.map((cell, at) => `  ${padStart(cell, widths[at]!)}`).join('')}`.trimEnd()
  return [
    style.dim(
      line(
        'database',
        'state',
        figures.map(([title]) => title)
      )
    ),
    ...collections.map((each, at) =>
      line(
        names[at]!,
        states[at]!,
        figures.map(([, of]) => (of(each) === undefined ? '' : formatCount(of(each)!)))
      )
    )
  ]
}

type Figured = Omit<ReplicatedCollection, 'source' | 'target'>

function sum(collections: readonly ReplicatedCollection[], of: (each: Figured) => number | undefined): number {
  return collections.reduce((all, each) => all + (of(each) ?? 0), 0)
}

function equalOf({ verified }: Figured): number | undefined {
  return verified && totalVerifyCounts(verified.collections).equal
}

function differentOf({ verified }: Figured): number | undefined {
  return verified && differencesOf(totalVerifyCounts(verified.collections))
}

function lackingOf({ revisions }: Figured): number | undefined {
  return revisions?.missing
}

/** What stays on the server, and the commands for it. */
function keptLines({ collections, state, mode }: Readonly<ReplicateReport>, on: string): string[] {
  const kept = collections.filter(({ id, isKept }) => id !== undefined && isKept)
  const transient =
    mode === 'continuous' && state !== 'failed' && state !== 'interrupted'
      ? collections.filter(({ id, isKept }) => id !== undefined && !isKept)
      : []
  const [first] = [...kept, ...transient]
  if (!first) return []
  const end = shownEnd(on)
  return [
    `${plural(kept.length + transient.length, 'replication')} left on the server${kept.length > 0 ? ', which keeps the passwords of both ends with it' : ', until it is restarted'}:`,
    `  to see:     docferry replicate status ${kept.length + transient.length === 1 ? `${safe(first.id!)} ` : ''}--on ${end}`,
    ...[...kept, ...transient].map(({ id }) => `  to cancel:  docferry replicate cancel ${safe(id!)} --on ${end}`),
    ...(holdsSecret(on) && end.includes(variable) ? [`  where ${variable} is a variable with the password`] : [])
  ]
}

const variable = 'ON_PASSWORD'

/** The server that replicates, for a command: without its password, and quoted. */
export function shownEnd(on: string): string {
  const clean = withPasswordVariable(on, variable)
  return holdsSecret(clean) ? 'THAT-SERVER' : quoted(clean)
}

function verdict(report: Readonly<ReplicateReport>, { nowMs, style = plainStyle }: View): string {
  const { collections, state, mode, unknownIds, finishedAt = nowMs, startedAt } = report
  const took = formatDuration(finishedAt - startedAt)
  const { documentsWritten, writeFailures } = totalReplicationCounts(collections)
  // The server goes on counting where the same replication has left its marks in a target that was there.
  const since = documentsWritten > 0 && collections.some(({ created, id }) => id !== undefined && !created)
  const written = `${plural(documentsWritten, 'document')} written${since ? ' since this replication first ran' : ''}`
  switch (state) {
    case 'done': {
      const isCompared = collections.every(({ verified }) => verified !== undefined)
      const what = mode === 'continuous' ? 'Caught up' : 'Replicated'
      return style.green(`${what}: ${written}, in ${took}; ${isCompared ? comparison(collections) : 'not compared'}.`)
    }
    case 'begun':
      return `Begun: ${plural(collections.length, 'replication')}; the server goes on by itself, and nothing was compared.`
    case 'partial':
      return style.red(
        `Not all: ${[
          written,
          ...(writeFailures > 0 ? [`${plural(writeFailures, 'document')} refused by the target`] : []),
          ...(unknownIds ? [`${plural(unknownIds.count, 'id')} not in the source`] : [])
        ].join(', ')}, in ${took}.`
      )
    case 'different':
      return style.yellow(`Different: ${written}, and both sides are not equal, in ${took}.`)
    case 'interrupted':
      return style.yellow(`Interrupted after ${took}: ${written} so far.`)
    default:
      return style.red(`Failed after ${took}: ${written} so far.`)
  }
}

function comparison(collections: readonly ReplicatedCollection[]): string {
  if (collections.every(({ revisions }) => revisions?.documents === 0)) return 'there was nothing to replicate'
  const hasOwn = collections.some(({ onlyInTarget }) => (onlyInTarget?.documents ?? 0) > 0)
  return hasOwn ? 'both sides serve equal documents, and not all their revisions are the same' : 'both sides are equal'
}

export function replicateJson({ exitCode, report, error, mask, nowMs }: Outcome<ReplicateReport>, on: string): object {
  const failure = error === undefined ? {} : { error: errorJson(error, mask) }
  if (!report) return { command: 'replicate', state: 'failed', exitCode, ...failure }
  const { startedAt, finishedAt = nowMs, notes, collections, ...rest } = report
  return {
    command: 'replicate',
    ...rest,
    notes: notes.map(mask),
    onAddress: mask(on),
    exitCode,
    ...failure,
    ...timesOf(startedAt, finishedAt),
    totals: totalReplicationCounts(collections),
    collections: collections.map(({ verified, startedAt: from, finishedAt: until, message, ...collection }) => {
      const {
        command: _command,
        exitCode: _exitCode,
        ...compared
      } = verified ? (verifyJson({ exitCode, report: verified, mask, nowMs }) as Record<string, unknown>) : {}
      return {
        ...collection,
        ...(message !== undefined && { message: mask(message) }),
        durationMs: from === undefined ? null : (until ?? nowMs) - from,
        ...(verified && { verified: compared })
      }
    })
  }
}
