import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { describeError, DocferryError } from '../../errors.ts'
import type { PriceTable } from '../../plan/prices.ts'
import type { Job } from '../execute.ts'
import { addRunFlags, rate, share } from '../options.ts'
import { addMoveFlags, migrateJob } from './migrate.ts'
import type { MigrateFlags } from './migrate.ts'

interface PlanFlags extends MigrateFlags {
  readonly sample?: number
  readonly rate?: number
  readonly prices?: string
  readonly save?: string
  readonly refused?: string
}

/** `docferry plan` */
export function addPlanCommand(program: Command, run: (job: Job) => Promise<void>): void {
  const command = program
    .command('plan')
    .description(
      "Read everything, change it as the migration would, check every document against the target's rules, write nothing, and say what would happen: documents that would be refused, sizes, values that the target can't hold as they are, requests, capacity units, time and money."
    )
  addMoveFlags(command)
    .option('--sample <share>', 'look at about this share of the documents only: 1%', share)
    .option('--rate <n>', 'documents a second that the estimate of time reckons with (default: 1,000)', rate)
    .option('--prices <file>', 'JSON with prices of your own, in place of any of those that docferry knows')
    .option('--save <file>', 'keep the plan, for docferry migrate --plan')
    .option('--refused <file>', 'write all documents that would fail there, as NDJSON: collection, id, code, message, without contents')
    .addHelpText('after', helpText)
  addRunFlags(command, { dryRun: false, receipt: false }).action(async (flags: PlanFlags) => run(await planJob(flags)))
}

export async function planJob(flags: PlanFlags): Promise<Job> {
  const { sample, rate: perSecond, save, refused } = flags
  const prices = flags.prices === undefined ? undefined : await readPriceFile(flags.prices)
  const job = migrateJob(flags)
  return {
    ...job,
    command: 'plan',
    options: { ...job.options, dryRun: true, sample },
    dataOnStdout: false,
    plan: { save, refused, estimate: { perSecond, prices } }
  }
}

async function readPriceFile(path: string): Promise<PriceTable> {
  const { readPrices } = await import('../../plan/prices.ts')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new DocferryError('DOCFERRY_CONFIG', `--prices: ${path} can't be read: ${describeError(error)}`, { cause: error })
  }
  return readPrices(text, path)
}

const helpText = `
A plan reads the whole source once (--sample reads less) and looks up in the target which documents are there: both may cost
what reads cost. It exits with 40 if documents would be refused, like the migration.

Examples:
  $ docferry plan --source couchdb --target dynamodb
  $ docferry plan --source couchdb --target firestore --sample 1% --rate 500
  $ docferry plan --source firestore --target dynamodb --types exact --on-incompatible escape --save plan.json
  $ docferry migrate --plan plan.json
`
