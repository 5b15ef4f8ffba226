import { Option } from 'commander'
import type { Command } from 'commander'
import { parseEndpoint } from '../../config/endpoint.ts'
import type { RepairOptions } from '../../repair/options.ts'
import { onIncompatibles, typeModes } from '../../types.ts'
import type { OnIncompatible, Types } from '../../types.ts'
import type { CommonFlags } from '../execute.ts'
import { addCollectionFlags, addDocumentFlags, addRunFlags, choice } from '../options.ts'
import type { RunFlags } from '../options.ts'

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

export interface RepairFlags extends Omit<RunFlags, 'onConflict' | 'undoable' | 'undo'> {
  readonly source?: string
  readonly target?: string
  readonly types?: Types
  readonly onIncompatible?: OnIncompatible
  readonly deleteExtra?: boolean
  readonly differences?: string
  readonly stateDir: string
}

/** `docferry repair` */
export function addRepairCommand(program: Command, run: (job: RepairJob) => Promise<void>): void {
  const command = program
    .command('repair')
    .summary('write again what is missing or different in a target')
    .description(
      'Compare a target with its source, as docferry verify does, say what is wrong, write what is missing or different again, and compare once more. What is written is a run, which docferry undo takes back. Give --types, --stage and the like as in the run.'
    )
    .argument('[run]', 'the id of a run, as docferry runs shows it: what was asked is taken from its record')
    .option('-s, --source <end>', 'where the documents came from')
    .option('-t, --target <end>', 'where they went')
  addDocumentFlags(addCollectionFlags(command), { design: true })
    .addOption(new Option('--types <how>', `as in the run: ${typeModes.join(', ')}`).argParser(choice(typeModes)))
    .addOption(new Option('--on-incompatible <how>', `as in the run: ${onIncompatibles.join(', ')}`).argParser(choice(onIncompatibles)))
    .option('--delete-extra', 'remove what only the target holds; each document is kept in a file of the run first')
    .option('--differences <file>', 'write the list of all that was wrong there, as NDJSON: collection, id, kind, paths')
    .option('-n, --dry-run', 'compare, say what would be done, and change nothing')
    .addHelpText('after', helpText)
  addRunFlags(command, { dryRun: false, receipt: false }).action((runId: string | undefined, flags: RepairFlags) =>
    run(repairJob(runId, flags))
  )
}

export function repairJob(run: string | undefined, flags: RepairFlags): RepairJob {
  const { source, target, maxRcu: maxReadUnits, maxWcu: maxWriteUnits, stage } = flags
  const { collections, preset, rename, types, onIncompatible, includeDesign, keepMetadata, stateDir } = flags
  const { deleteExtra, dryRun, differences, parallel, maxRate, maxRetries, maxFailures } = flags
  const asked = { run, collections, preset, rename, types, onIncompatible, includeDesign, keepMetadata, stateDir }
  const how = { deleteExtra, dryRun, differences, parallel, maxRate, maxReadUnits, maxWriteUnits, maxRetries, maxFailures }
  const ends = {
    ...(source !== undefined && { source: parseEndpoint(source, '--source').text }),
    ...(target !== undefined && { target: parseEndpoint(target, '--target').text })
  }
  const given = Object.fromEntries(Object.entries({ ...asked, ...how }).filter(([, value]) => value !== undefined))
  return { options: { ...given, ...ends }, ...(stage && { stages: stage }), flags }
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
