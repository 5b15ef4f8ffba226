/** What the backup commands show: report in, lines of text or plain JSON out. */
import type { Backup, Progress } from '../contracts/backup.ts'
import type { BackupAction, BackupReport } from '../backup/report.ts'
import { holdsSecret } from '../config/hide-credentials.ts'
import { errorJson } from './exit.ts'
import { timesOf } from './json.ts'
import type { Outcome } from './json.ts'
import { fit, formatBytes, formatCount, formatDuration, indentedLines, padEnd, plainStyle, plural, safe } from './text.ts'
import type { Style, View } from './text.ts'

export interface BackupView extends View {
  /** As the user gave it. */
  readonly provider?: string
}

/** Most ids in a command that is shown. */
const mostIds = 5

export function backupHeading({ action, location, dryRun }: Readonly<BackupReport>, asked: BackupAction): string[] {
  const what = aboutOf(asked)
  return [
    `docferry backup ${action}`,
    `  at   ${location.provider} ${safe(location.address)}`,
    ...(what === '' ? [] : [`  what ${safe(what)}`]),
    ...(dryRun ? ['  dry run: everything is checked, nothing is begun or changed'] : []),
    ''
  ]
}

function aboutOf(asked: BackupAction): string {
  if (asked.do === 'create') {
    const { collections, to, at, name } = asked.request
    return [`${listOf(collections)}${name === undefined ? '' : `, as ${name}`}`, to && `to ${to}`, at && `as of ${timeText(at)}`]
      .filter(Boolean)
      .join(', ')
  }
  if (asked.do === 'restore') {
    const { from, at, collections, as } = asked.request
    const moment = at === undefined ? '' : at === 'latest' ? 'the latest moment' : timeText(at)
    return [from ?? (moment && `as of ${moment}`), collections && listOf(collections), as && `as ${as}`].filter(Boolean).join(', ')
  }
  return ''
}

function listOf(collections: readonly string[] | undefined): string {
  return collections === undefined || collections.length === 0 ? 'all collections' : collections.join(', ')
}

export function backupProgress({ backups, startedAt, retries }: Readonly<BackupReport>, nowMs: number): string {
  const running = backups.filter(({ state }) => state === 'running' || state === 'unknown')
  const documents = sum(backups.map(({ progress }) => progress?.documents))
  const bytes = sum(backups.map(({ progress }) => progress?.bytes))
  const percents = backups.map(({ progress }) => progress?.percent).filter(percent => percent !== undefined)
  return [
    backups.length === 0 ? 'asking' : `${formatCount(backups.length - running.length)} of ${formatCount(backups.length)} done`,
    documents && `${ofText(documents, formatCount)} documents`,
    bytes && ofText(bytes, formatBytes),
    percents.length > 0 && `${Math.min(...percents)} %`,
    retries > 0 && plural(retries, 'retry', 'retries'),
    formatDuration(Math.floor((nowMs - startedAt) / 1000) * 1000 || nowMs - startedAt)
  ]
    .filter(Boolean)
    .join(', ')
}

type Count = NonNullable<Progress['documents']>

function sum(counts: readonly (Count | undefined)[]): Count | undefined {
  const known = counts.filter(count => count !== undefined)
  if (known.length === 0) return undefined
  const of = known.every(count => count.of !== undefined) ? known.reduce((total, count) => total + count.of!, 0) : undefined
  return { done: known.reduce((total, { done }) => total + done, 0), ...(of !== undefined && { of }) }
}

function ofText({ done, of }: Count, format: (count: number) => string): string {
  return of === undefined ? format(done) : `${format(done)} of ${format(of)}`
}

/** Two lines each: what it is, and its id, which is too long for a table. */
export function backupLines(backups: readonly Backup[], { columns = Infinity, style = plainStyle }: View): string[] {
  const rows = backups.map(each => cellsOf(each).map(safe))
  const widths = [0, 1, 2, 3, 4].map(column => Math.max(0, ...rows.map(cells => cells[column]!.length)))
  return backups.flatMap((each, index) => {
    const cells = rows[index]!.map((cell, column) => (widths[column] === 0 ? '' : padEnd(cell, widths[column] ?? 0))).filter(
      cell => cell !== ''
    )
    const line = fit(cells.join('  ').trimEnd(), columns)
    return [paint(each, style)(line), ...(each.id === '' ? [] : [style.dim(`  ${safe(each.id)}`)])]
  })
}

function cellsOf({ collections = [], kind, state, name = '', startedAt, snapshotAt, place, ...rest }: Backup): string[] {
  return [
    collections.length === 0 ? 'all' : collections.join(', '),
    kind,
    state,
    name,
    timeText(snapshotAt ?? startedAt),
    detailsOf({ ...rest, place: place === collections.join() ? undefined : place })
  ]
}

function detailsOf({ documents, bytes, place, restorable, expiresAt, progress }: Partial<Backup>): string {
  return [
    documents !== undefined && plural(documents, 'document'),
    bytes !== undefined && formatBytes(bytes),
    progress?.documents && documents === undefined && `${ofText(progress.documents, formatCount)} documents`,
    progress?.bytes && bytes === undefined && ofText(progress.bytes, formatBytes),
    progress?.percent !== undefined && `${progress.percent} %`,
    restorable && `any moment from ${timeText(restorable.from)} to ${timeText(restorable.until)}`,
    place,
    expiresAt && `until ${timeText(expiresAt)}`
  ]
    .filter(Boolean)
    .join(', ')
}

function paint({ state }: Backup, style: Style): (text: string) => string {
  if (state === 'failed') return style.red
  return state === 'running' || state === 'unknown' || state === 'cancelled' ? style.yellow : text => text
}

/** `2026-11-22 10:00:00Z` */
function timeText(time: Date | undefined): string {
  return time === undefined
    ? ''
    : time
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, 'Z')
}

export function backupSummary(report: Readonly<BackupReport>, view: BackupView): string[] {
  const { columns = Infinity } = view
  const { backups } = report
  return [
    ...backupLines(backups, view),
    ...(backups.length === 0 ? [] : ['']),
    ...notesOf(backups).flatMap(note => indentedLines(safe(note), '- ', columns)),
    verdict(report, view)
  ]
}

/** What is said of several in the same words is said once. */
function notesOf(backups: readonly Backup[]): string[] {
  const said = new Map<string, string[]>()
  for (const { message, collections = [], place } of backups) {
    // Of several, each must be known by something.
    const about = collections.length === 0 && backups.length > 1 && place !== undefined ? [place] : collections
    if (message !== undefined) said.set(message, [...(said.get(message) ?? []), ...about])
  }
  return [...said].map(([message, about]) => (about.length === 0 ? message : `${about.join(', ')}: ${message}`))
}

function verdict(report: Readonly<BackupReport>, { nowMs, provider = '', style = plainStyle }: BackupView): string {
  const { state, action, backups, dryRun, startedAt, finishedAt = nowMs, timedOut } = report
  const took = formatDuration(finishedAt - startedAt)
  const follow = followCommand(report, provider)
  const goesOn = follow === undefined ? '' : ` The service goes on by itself; to see how far it is: ${safe(follow)}`
  if (state === 'interrupted') return style.yellow(`Not waited for any longer, after ${took}.${goesOn}`)
  if (state === 'failed') return style.red(`Failed after ${took}.${goesOn}`)
  if (dryRun) return style.green(`Dry run: nothing was changed.`)
  if (action === 'list') return backups.length === 0 ? 'There are none.' : `${plural(backups.length, 'item')}.`
  if (timedOut) return style.yellow(`Not all is done after ${took}.${goesOn}`)
  if (state === 'going on') return style.green(`Begun.${goesOn}`)
  const counts = [...new Set(backups.map(each => each.state))].map(
    each => `${formatCount(backups.filter(one => one.state === each).length)} ${each}`
  )
  const told = counts.length === 0 ? 'There is nothing to do' : counts.join(', ')
  if (state === 'partial') return style.red(`${told}, after ${took}.${goesOn}`)
  if (action === 'create' || action === 'restore') return style.green(`${told}, after ${took}.`)
  return style.green(`${told}.${follow === undefined ? '' : ` To wait for it: ${safe(follow)} --wait`}`)
}

/** The command that tells how far those are that the service is at work on; undefined where there are none. */
export function followCommand({ backups }: Readonly<BackupReport>, provider: string): string | undefined {
  const ids = backups.filter(({ id, state }) => id !== '' && (state === 'running' || state === 'unknown')).map(({ id }) => id)
  if (ids.length === 0) return undefined
  const shown = ids.slice(0, mostIds).map(quoted)
  const end = holdsSecret(provider) ? 'PROVIDER' : quoted(provider)
  return `docferry backup status ${shown.join(' ')}${ids.length > mostIds ? ' ...' : ''} --provider ${end}`
}

function quoted(text: string): string {
  return /^[\w:/.@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

export interface BackupOutcome extends Outcome<BackupReport> {
  /** The command that tells how far it is. */
  readonly goOn?: string | undefined
}

export function backupJson({ exitCode, report, error, goOn, mask, nowMs }: BackupOutcome, action: BackupAction['do']): object {
  const failure = error === undefined ? {} : { error: errorJson(error, mask, goOn) }
  if (!report) return { command: 'backup', action, state: 'failed', exitCode, ...failure }
  const { startedAt, finishedAt = nowMs, ...rest } = report
  return { command: 'backup', ...rest, exitCode, ...failure, ...(goOn !== undefined && { goOn }), ...timesOf(startedAt, finishedAt) }
}
