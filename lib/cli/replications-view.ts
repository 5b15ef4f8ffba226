/** What `docferry replicate list`, `status` and `cancel` show. Replications hold no credentials by then. */
import type { Replication } from '../contracts/replication.ts'
import type { Location } from '../types.ts'
import type { ReplicationsJob } from './commands/replicate.ts'
import { errorJson } from './exit.ts'
import type { Outcome } from './json.ts'
import { formatCount, indentedLines, plainStyle, plural, safe } from './text.ts'
import type { Style, View } from './text.ts'

export interface ReplicationsReport {
  readonly action: ReplicationsJob['action']
  readonly on: Location
  readonly version: string
  readonly id?: string
  /** For `cancel`: as it was before. */
  readonly replications: readonly Replication[]
  /** Whether there is none of the id. */
  readonly isMissing: boolean
}

export function replicationLines({ action, on, id, replications, isMissing }: Readonly<ReplicationsReport>, view: View): string[] {
  const { style = plainStyle, columns = Infinity } = view
  if (isMissing) return [style.yellow(`There is no replication ${safe(id!)} on ${safe(on.address)}.`)]
  if (replications.length === 0) return [`There are no replications on ${safe(on.address)}.`]
  const lines = replications.flatMap(each => linesOf(each, columns, style))
  if (action === 'cancel') return [...lines, style.green('Cancelled. What it has written stays.')]
  return lines
}

function linesOf(replication: Replication, columns: number, style: Style): string[] {
  const { id, state, source, target, continuous, transient, counts, errors, trouble, startedAt } = replication
  const paint = state === 'crashing' || state === 'failed' || state === 'error' ? style.red : state === 'running' ? style.green : style.dim
  const kind = [continuous ? 'continuous' : '', transient ? 'transient' : '', startedAt === undefined ? '' : `since ${startedAt}`]
  const figures = counts && [
    `${formatCount(counts.documentsRead)} read, ${formatCount(counts.documentsWritten)} written`,
    counts.writeFailures > 0 ? plural(counts.writeFailures, 'write failure') : '',
    counts.pending === undefined ? '' : `${formatCount(counts.pending)} pending`
  ]
  const joined = (parts: readonly string[]): string => parts.filter(part => part !== '').join(', ')
  return [
    `${style.bold(safe(id))}  ${paint(state)}${joined(kind) === '' ? '' : `  ${joined(kind)}`}`,
    ...(source === '' ? [] : [`  ${safe(source)} -> ${safe(target)}`]),
    ...(figures ? [`  ${joined(figures)}`] : []),
    ...(trouble
      ? indentedLines(safe(`${errors > 0 ? `${plural(errors, 'crash', 'crashes')}: ` : ''}${trouble.message}`), '  ', columns)
      : [])
  ]
}

export function replicationsJson({ exitCode, report, error, mask }: Outcome<ReplicationsReport>): object {
  const failure = error === undefined ? {} : { error: errorJson(error, mask) }
  if (!report) return { command: 'replicate', exitCode, ...failure }
  const { action, on, version, replications } = report
  return { command: `replicate ${action}`, exitCode, ...failure, on, version, replications }
}
