/** What a verification is asked to do, and what of that makes no sense. */
import { DocferryError } from '../errors.ts'
import type { MigrateOptions } from '../options.ts'
import { issuesOf } from '../plan/check-options.ts'
import type { Receipt } from './receipt.ts'
import type { VerifyReport } from './report.ts'
import { definedOf } from '../values/defined.ts'

/**
 * What is compared: a source and a target; a run, by its id; or a receipt and a target. Options that decide what a run moves are those of
 * `MigrateOptions`, and must be as in the run.
 */
export interface VerifyOptions extends Pick<
  MigrateOptions,
  | 'collections'
  | 'preset'
  | 'rename'
  | 'types'
  | 'onIncompatible'
  | 'includeDesign'
  | 'attachments'
  | 'includeSecurity'
  | 'keepMetadata'
  | 'subcollections'
  | 'stages'
  | 'parallel'
  | 'maxReadUnits'
  | 'stateDir'
  | 'environment'
  | 'signal'
  | 'logger'
  | 'retry'
> {
  /** Of a run: only where its address was not kept, or to compare with another place. */
  readonly source?: MigrateOptions['source']
  readonly target?: MigrateOptions['target']
  /** Id of a run that has come to its end. What was asked is taken from its record, and what the target must hold from its receipt. */
  readonly run?: string
  /** Or the path of one: `receipt.json` of a run, or an export with a receipt at its end. */
  readonly receipt?: Receipt | string
  /** Compare the numbers of documents, and nothing else. */
  readonly quick?: boolean
  /** Compare about this share of the documents, over 0 and up to 1: the same ones on both sides. All are read and counted. */
  readonly sample?: number
  /** What only the target holds is no difference. So it is of itself where a run wrote into a collection that was not empty. */
  readonly allowExtra?: boolean
  /** Tell the values that differ too, not only where. */
  readonly showValues?: boolean
  /** Most documents a second that are read of each side. */
  readonly maxRate?: number
  /** Path for the list of all differences, made also where there are none. Default: in the state folder, where there are some. */
  readonly differences?: string
  /** Called once, before documents are read. The report is then kept up to date in place. */
  readonly observe?: (report: Readonly<VerifyReport>) => void
  /** Read the target in a thread of its own. Default: where it is large, can be told to a thread, and there is a second core. */
  readonly inThread?: boolean
  /** How long to wait before what changes meanwhile is looked at a second time. Default 1,000. */
  readonly settleMs?: number
}

/** What decides which documents a run moves, and how. */
const decided = [
  'preset',
  'rename',
  'types',
  'onIncompatible',
  'includeDesign',
  'attachments',
  'includeSecurity',
  'keepMetadata',
  'subcollections'
] as const

/** @throws {DocferryError} DOCFERRY_CONFIG, naming every issue at once */
export function checkVerifyOptions(options: VerifyOptions): void {
  const { run, receipt, source, target, sample, quick, showValues } = options
  const { sample: _sample, ...common } = options
  const issues = issuesOf(definedOf(common))
  if (run !== undefined && receipt !== undefined) issues.push('a run and a receipt: one of them is enough')
  if (run === undefined && target === undefined)
    issues.push('target: missing; what is to be verified is a source and a target, a run, or a receipt and a target')
  if (run === undefined && receipt === undefined && source === undefined)
    issues.push('source: missing; to verify without one, give a receipt')
  if (receipt !== undefined && source === undefined && (options.stages?.length ?? 0) > 0)
    issues.push('stages: a receipt tells what came out of them; without a source they have nothing to do, so leave them out')
  const told = run !== undefined ? 'the record of the run' : typeof receipt === 'object' ? 'the receipt' : undefined
  const issue = told && decidedIssue(options, told)
  if (issue) issues.push(issue)
  if (sample !== undefined && !(typeof sample === 'number' && sample > 0 && sample <= 1))
    issues.push('sample: a share over 0 and up to 1 is wanted')
  if (sample !== undefined && quick) issues.push('quick and sample: one of them')
  if (sample !== undefined && (receipt !== undefined || run !== undefined) && source === undefined)
    issues.push('sample: a receipt is of all documents; give source and target to compare a part')
  if (quick && showValues) issues.push('quick: counts have no values to show')
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', issues.join('; '))
}

/** @param origin what tells already what decides which documents are moved, and how */
export function decidedIssue(options: VerifyOptions, origin: string): string | undefined {
  const given = decided.filter(name => options[name] !== undefined)
  return given.length === 0 ? undefined : `${given.join(', ')}: taken from ${origin}; leave ${given.length === 1 ? 'it' : 'them'} out`
}
