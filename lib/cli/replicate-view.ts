/** What replicating shows: report in, lines of text or plain JSON out. */
import { isSettled, totalReplicationCounts } from '../replicate/report.ts'
import type { ReplicatedCollection, ReplicateReport } from '../replicate/report.ts'
import { differencesOf, totalVerifyCounts } from '../verify/report.ts'
import { errorJson } from './exit.ts'
import { timesOf } from './json.ts'
import type { Outcome } from './json.ts'
import { fit, formatCount, formatDuration, indentedLines, padEnd, padStart, plainStyle, plural, safe } from './text.ts'
import type { Style, View } from './text.ts'
import { verifyJson, verifySummary } from './verify-view.ts'

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

/** @param isOneOfSeveral otherwise the error that ends the command says why it failed */
function troubleLines(collection: ReplicatedCollection, view: View, isOneOfSeveral: boolean): string[] {
  const { columns = Infinity } = view
  const { source, message, revisions, onlyInTarget, verified, counts } = collection
  const examples = revisions && revisions.missing > 0 ? ` in ${someOf(revisions.examples)}` : ''
  return [
    ...(message === undefined || !isOneOfSeveral ? [] : indentedLines(safe(`${source}: ${message}`), '- ', columns)),
    ...(counts.writeFailures > 0
      ? indentedLines(
          `${safe(source)}: the target refused ${plural(counts.writeFailures, 'document')}; CouchDB does not tell which, nor tries again: a validation function, the size, or what the user may write there`,
          '- ',
          columns
        )
      : []),
    ...(examples === ''
      ? []
      : indentedLines(
          `${safe(source)}: the target lacks ${plural(revisions!.missing, 'revision')}${examples}; if the source was written to meanwhile, the same command brings them`,
          '- ',
          columns
        )),
    ...(onlyInTarget && onlyInTarget.undeleted > 0
      ? indentedLines(
          `${safe(source)}: the target serves ${plural(onlyInTarget.undeleted, 'document')} that the source has deleted: ${someOf(onlyInTarget.undeletedExamples)}; a revision that only the target has wins over the deletion`,
          '- ',
          columns
        )
      : []),
    ...(verified && verified.state !== 'equal' ? [`${safe(source)}, compared:`, ...verifySummary(verified, view), ''] : [])
  ]
}

/** What was asked for and is not there: neither side holds it, so nothing else would tell. */
function unmatched({ unknownIds, filter, mode, collections }: Readonly<ReplicateReport>): string[] {
  const later = mode === 'continuous' ? '; what comes later is replicated' : ''
  if (unknownIds) {
    const examples = someOf(unknownIds.examples)
    return [`the source holds neither a document nor a deletion of ${plural(unknownIds.count, 'id')} that you named: ${examples}${later}`]
  }
  const without = filter === 'selector' ? collections.filter(({ revisions }) => revisions?.documents === 0) : []
  return without.length === 0 ? [] : [`the selector fits no document of ${without.map(each => each.source).join(', ')}${later}`]
}

const mostExamples = 5

function someOf(ids: readonly string[]): string {
  return `${ids.slice(0, mostExamples).map(safe).join(', ')}${ids.length > mostExamples ? ' ...' : ''}`
}

/** Conflicts are no difference, and nothing else would tell of them. */
function conflictLines(collections: readonly ReplicatedCollection[], columns: number): string[] {
  return collections.flatMap(({ source, onlyInTarget: own }) => {
    if (!own || own.documents === 0) return []
    const served = own.served > 0 ? `; of ${formatCount(own.served)} the target serves its own revision` : ''
    const text = `${safe(source)}: in ${plural(own.documents, 'document')} the target has ${plural(own.revisions, 'revision')} that the source has not, as conflicts, open or resolved: ${someOf(own.examples)}${served}`
    return indentedLines(text, '- ', columns)
  })
}

function revisionLines({ collections }: Readonly<ReplicateReport>, columns: number): string[] {
  const compared = collections.filter(({ revisions }) => revisions !== undefined)
  const deleted = sum(compared, each => each.revisions?.deleted)
  const branched = sum(compared, each => each.revisions?.branched)
  if (deleted + branched === 0) return conflictLines(compared, columns)
  const parts = [
    deleted > 0 ? plural(deleted, 'deletion') : '',
    branched > 0 ? `${plural(branched, 'document')} with conflicts, open or resolved` : ''
  ]
  return [
    ...indentedLines(`among the revisions that were compared: ${parts.filter(part => part !== '').join(', ')}`, '- ', columns),
    ...conflictLines(compared, columns)
  ]
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
  return [
    `${plural(kept.length + transient.length, 'replication')} left on the server${kept.length > 0 ? ', which keeps the passwords of both ends with it' : ', until it is restarted'}:`,
    `  to see:     docferry replicate status ${kept.length + transient.length === 1 ? `${safe(first.id!)} ` : ''}--on ${on}`,
    ...[...kept, ...transient].map(({ id }) => `  to cancel:  docferry replicate cancel ${safe(id!)} --on ${on}`)
  ]
}

function verdict(report: Readonly<ReplicateReport>, { nowMs, style = plainStyle }: View): string {
  const { collections, state, mode, unknownIds, finishedAt = nowMs, startedAt } = report
  const took = formatDuration(finishedAt - startedAt)
  const { documentsWritten, writeFailures } = totalReplicationCounts(collections)
  const written = `${plural(documentsWritten, 'document')} written`
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
