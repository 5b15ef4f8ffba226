import type { Command } from 'commander'
import type { RepairOptions } from '../../repair/options.ts'
import type { CommonFlags } from '../execute.ts'
import { addRunFlags } from '../options.ts'
import type { RunFlags } from '../options.ts'
import { addRunIdFlag } from '../run-id-file.ts'
import { addComparedArguments, addComparedFlags, comparedOptions } from './compared.ts'
import type { ComparedFlags } from './compared.ts'

/** A repair command, understood. */
export interface RepairJob {
  readonly options: Omit<
    RepairOptions,
    'stages' | 'environment' | 'signal' | 'logger' | 'mask' | 'observe' | 'onPlan' | 'retry' | 'settleMs'
  >
  /** As text, for `parseStage`. */
  readonly stages?: readonly string[]
  readonly flags: CommonFlags
}

export interface RepairFlags extends ComparedFlags, Omit<RunFlags, 'onConflict' | 'undoable' | 'undo' | keyof ComparedFlags> {
  readonly deleteExtra?: boolean
  readonly replaceSkipped?: boolean
}

/** `docferry repair` */
export function addRepairCommand(program: Command, run: (job: RepairJob) => Promise<void>): void {
  const command = program
    .command('repair')
    .description(
      'Compare a target with its source, as docferry verify does, say what is wrong, write what is missing or different again, and compare once more. What is written is a run, which docferry undo takes back. Give --types, --stage and the like as in the run.'
    )
  addComparedFlags(addComparedArguments(command))
    .option('--delete-extra', 'remove what only the target holds; each document is kept in a file of the run first')
    .option('--replace-skipped', 'of a run that skipped what its target held: replace what differs there too')
    .option('--differences <file>', 'write the list of all that was wrong there, as NDJSON: collection, id, kind, paths')
    .option('-n, --dry-run', 'compare, say what would be done, and change nothing')
    .addHelpText('after', helpText)
  addRunFlags(addRunIdFlag(command), { dryRun: false, receipt: false, compares: true }).action(
    (runId: string | undefined, flags: RepairFlags) => run(repairJob(runId, flags))
  )
}

export function repairJob(run: string | undefined, flags: RepairFlags): RepairJob {
  const { maxRcu: maxReadUnits, maxWcu: maxWriteUnits, stage } = flags
  const { deleteExtra, replaceSkipped, dryRun, parallel, maxRate, maxRetries, maxFailures } = flags
  const how = { deleteExtra, replaceSkipped, dryRun, parallel, maxRate, maxReadUnits, maxWriteUnits, maxRetries, maxFailures }
  return { options: comparedOptions(run, flags, how), ...(stage && { stages: stage }), flags }
}

const helpText = `
Exits with 0 only when all is equal in the end, with 60 where anything differs still (with --dry-run: at all), and with 40
where documents could not be written. Ended in the middle, it is given again: it finds what is left.

Examples:
  $ docferry repair --source couchdb --target dynamodb --dry-run
  $ docferry repair --source couchdb --target dynamodb
  $ docferry repair 2026-11-22T10-15-00-a1b2c3
  $ docferry repair --source backup.ndjson.gz --target couchdb --collections agents --delete-extra
`
