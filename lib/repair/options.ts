/** What a repair is asked to do, and what of that makes no sense. */
import { DocferryError } from '../errors.ts'
import type { MigrateOptions } from '../options.ts'
import { parseEndpoint } from '../config/endpoint.ts'
import type { Endpoint } from '../open.ts'
import { issuesOf } from '../plan/check-options.ts'
import type { VerifyOptions } from '../verify/options.ts'
import type { RepairReport } from './report.ts'
import { definedOf } from '../values/defined.ts'

/** Which ends, and how they are compared, is as for `verify`: a source and a target, or a run that has come to its end. */
export interface RepairOptions
  extends
    Omit<VerifyOptions, 'receipt' | 'quick' | 'sample' | 'showValues' | 'observe' | 'maxRate'>,
    Pick<MigrateOptions, 'maxWriteUnits' | 'maxRetries' | 'maxFailures' | 'mask' | 'onBegun'> {
  /** Remove what the target holds and the source does not. Each document is kept in a file first. */
  readonly deleteExtra?: boolean
  /**
   * Of a run that skipped what its target held already: replace what differs there too. Which documents the run has skipped can't be told from
   * those that have changed since.
   */
  readonly replaceSkipped?: boolean
  /** Compare, say what would be done, and change nothing. */
  readonly dryRun?: boolean
  /** Most documents a second that are read of each side, and that are written or removed. */
  readonly maxRate?: number
  /** Called once, when the first comparison is about to read. The report is then kept up to date in place. */
  readonly observe?: (report: Readonly<RepairReport>) => void
  /** Called once, when it is known what is to be done, and before anything is changed. What it throws ends the repair. */
  readonly onPlan?: (report: Readonly<RepairReport>) => void | Promise<void>
}

/** What decides which documents a run moves, and how. */
const decided = ['preset', 'rename', 'types', 'onIncompatible', 'includeDesign', 'attachments', 'keepMetadata', 'subcollections'] as const

/** @throws {DocferryError} DOCFERRY_CONFIG, naming every issue at once */
export function checkRepairOptions(options: RepairOptions): void {
  const { run, source, target } = options
  const issues = issuesOf(definedOf(options))
  if (run === undefined && source === undefined) issues.push('source: missing; what is to be repaired is a target by its source, or a run')
  if (run === undefined && target === undefined) issues.push('target: missing')
  if (run !== undefined) {
    const given = decided.filter(name => options[name] !== undefined)
    if (given.length > 0)
      issues.push(`${given.join(', ')}: taken from the record of the run; leave ${given.length === 1 ? 'it' : 'them'} out`)
  }
  if (run === undefined && options.replaceSkipped)
    issues.push('replaceSkipped: only a run has skipped anything; without one, what differs is replaced')
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', issues.join('; '))
}

export function providerOf(endpoint: Endpoint): string {
  if (typeof endpoint === 'string') return parseEndpoint(endpoint).connector
  return typeof endpoint.connector === 'string' ? endpoint.connector : endpoint.connector.name
}
