/** What a checklist is asked to look at. */
import { DocferryError } from '../errors.ts'
import type { MigrateOptions } from '../options.ts'
import { issuesOf } from '../plan/check-options.ts'
import type { CheckPhase, CheckReport } from './report.ts'

/** Source and target, with the options of the run that is to come; or a run, by its id: one that is under way, or one that is over. */
export interface CheckOptions extends Pick<
  MigrateOptions,
  | 'collections'
  | 'preset'
  | 'rename'
  | 'onConflict'
  | 'types'
  | 'onIncompatible'
  | 'includeDesign'
  | 'attachments'
  | 'includeSecurity'
  | 'subcollections'
  | 'keepMetadata'
  | 'stages'
  | 'undo'
  | 'parallel'
  | 'maxRate'
  | 'maxReadUnits'
  | 'stateDir'
  | 'environment'
  | 'signal'
  | 'logger'
> {
  readonly source?: MigrateOptions['source']
  readonly target?: MigrateOptions['target']
  /** Its record says what was asked. Ends are then needed only where it has not kept them. */
  readonly run?: string
  /** Of two ends. Default `before`. Of a run, it is what it is. */
  readonly phase?: Exclude<CheckPhase, 'during'>
  /** Before: try every document against the target's rules, not a sample. After: also try the undoing, as a dry run. */
  readonly full?: boolean
  /** Share of the documents that is tried before, or compared with the source after. Default: before, about 10,000; after, all by the receipt. */
  readonly sample?: number
  /** After: compare the numbers of documents only. */
  readonly quick?: boolean
  /** How old a backup may be, in milliseconds. Default: a day. */
  readonly backupAgeMs?: number
  /** Before: write a document to the target, in a collection of its own, and remove both. Default: nothing is written. */
  readonly probeWrite?: boolean
  /** Documents a second that the estimate of time reckons with. Default 1,000. */
  readonly perSecond?: number
  /** During: how long the run is watched, in milliseconds. Default 5,000. */
  readonly watchMs?: number
  /** A file that the environment was completed from: it holds secrets. */
  readonly environmentFile?: string
  /** Called once, at the beginning. The report is then kept up to date in place. */
  readonly observe?: (report: Readonly<CheckReport>) => void
}

export const dayMs = 24 * 60 * 60_000

/** @throws {DocferryError} DOCFERRY_CONFIG, naming every issue at once */
export function checkCheckOptions(options: CheckOptions): void {
  const { run, source, target, sample, full, quick, phase } = options
  const given = Object.entries({ ...options, sample: undefined }).filter(([, value]) => value !== undefined)
  const issues = issuesOf(Object.fromEntries(given))
  if (run === undefined && source === undefined) issues.push('source: missing; what is checked is a source and a target, or a run')
  if (run === undefined && target === undefined) issues.push('target: missing; what is checked is a source and a target, or a run')
  if (sample !== undefined && !(sample > 0 && sample <= 1)) issues.push('sample: a share over 0 and up to 1 is wanted')
  if (sample !== undefined && full) issues.push('sample and full: one of them')
  if (quick && (sample !== undefined || full)) issues.push('quick: numbers alone have no sample and are not full')
  if (quick && run === undefined && phase !== 'after')
    issues.push('quick: only what a migration has done is counted: give a run, or the phase after')
  for (const name of ['backupAgeMs', 'watchMs', 'perSecond'] as const) {
    const value = options[name]
    if (value !== undefined && !(value > 0 && value < Infinity)) issues.push(`${name}: a number over 0 is wanted`)
  }
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', issues.join('; '))
}
