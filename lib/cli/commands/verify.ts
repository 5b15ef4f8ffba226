import { Option } from 'commander'
import type { Command } from 'commander'
import type { RunInfo } from '../../checkpoint/run-folder.ts'
import type { PlannedOptions } from '../../plan/plan.ts'
import type { VerifyOptions } from '../../verify/options.ts'
import type { CommonFlags } from '../execute.ts'
import { commandFor } from '../hints.ts'
import { addCommonFlags, rate, share, unitRate, wholeNumber } from '../options.ts'
import type { RunFlags } from '../options.ts'
import { addComparedArguments, addComparedFlags, comparedOptions } from './compared.ts'
import type { ComparedFlags } from './compared.ts'

/** A verify command, understood. */
export interface VerifyJob {
  readonly options: Omit<VerifyOptions, 'stages' | 'environment' | 'signal' | 'logger' | 'observe' | 'retry' | 'settleMs'>
  /** As text, for `parseStage`. */
  readonly stages?: readonly string[]
  /** What is to be told beside what it finds. */
  readonly notes?: readonly string[]
  readonly flags: CommonFlags
}

export interface VerifyFlags extends Omit<CommonFlags, 'receipt'>, ComparedFlags, Pick<RunFlags, 'parallel' | 'maxRate' | 'maxRcu'> {
  readonly receipt?: string
  readonly quick?: boolean
  readonly sample?: number
  readonly allowExtra?: boolean
  readonly showValues?: boolean
}

/** `docferry verify` */
export function addVerifyCommand(program: Command, run: (job: VerifyJob) => Promise<void>): void {
  const command = program
    .command('verify')
    .description(
      'Compare every document of a target with the source, with what a run wrote, or with a receipt, and name each that is missing, extra or different. Nothing is written to either. Give --types, --stage and the like as in the run. Without any of these, what the last run wrote is compared.'
    )
  addComparedArguments(command).option(
    '--receipt <file>',
    "instead of a source: a run's receipt.json, or an export with a receipt at its end"
  )
  addComparedFlags(command)
    .option('--quick', 'compare the numbers of documents, and nothing else')
    .option('--sample <share>', 'compare about this share of the documents, the same ones on both sides: 1%; all are read', share)
    .option('--allow-extra', 'documents that only the target holds are no difference')
    .option('--show-values', 'show the values that differ too, not only where they are')
    .option('--differences <file>', 'write the list of all differences there, as NDJSON: collection, id, kind, paths')
    .addOption(new Option('--parallel <n>', 'slices of collections at once, on each side').default(4).argParser(wholeNumber(1, 64)))
    .option('--max-rate <n>', 'most documents a second that are read of each side: 500/s', rate)
    .option('--max-rcu <n>', 'most read units a second of each DynamoDB', unitRate)
    .addHelpText('after', helpText)
  addCommonFlags(command).action(async (runId: string | undefined, flags: VerifyFlags) => {
    if (runId !== undefined) return run(verifyJob(runId, flags))
    const { meant, notes } = await runMeant(flags)
    return run({ ...verifyJob(meant, flags), notes })
  })
}

/** Where nothing says what is to be verified: the last run, whatever became of it, for an older one is not what was done last. */
async function runMeant({ source, target, receipt, stateDir }: VerifyFlags): Promise<{ meant?: string; notes: string[] }> {
  if (source !== undefined || target !== undefined || receipt !== undefined) return { notes: [] }
  const { listRuns } = await import('../../checkpoint/run-folder.ts')
  const [last, ...before] = await listRuns(stateDir)
  if (!last) return { notes: [] }
  const together = commandOf(last)
  const others = together === undefined ? [] : before.filter(run => commandOf(run) === together)
  const commands = others.map(({ runId }) => commandFor('verify', runId, stateDir))
  const notes = commands.length === 0 ? [] : [`this is one target of the last command; to verify the others: ${commands.join(', ')}`]
  return { meant: last.runId, notes }
}

function commandOf({ record }: RunInfo): string | undefined {
  return (record?.asked as PlannedOptions | undefined)?.pipeline?.together
}

export function verifyJob(run: string | undefined, flags: VerifyFlags): VerifyJob {
  const { receipt, quick, sample, allowExtra, showValues, parallel, maxRate, maxRcu: maxReadUnits, stage } = flags
  const how = { receipt, quick, sample, allowExtra, showValues, parallel, maxRate, maxReadUnits }
  return { options: comparedOptions(run, flags, how), ...(stage && { stages: stage }), flags }
}

const helpText = `
Exits with 0 only when all is equal, and with 60 on any difference.

Examples:
  $ docferry verify
  $ docferry verify --source couchdb --target dynamodb
  $ docferry verify --source couchdb --target firestore --collections agents,users --sample 1%
  $ docferry verify 2026-11-22T10-15-00-a1b2c3
  $ docferry verify --receipt receipt.json --target dynamodb
  $ docferry verify --source backup.ndjson.gz --target couchdb --differences differences.ndjson
`
