import { join } from 'node:path'
import { Option } from 'commander'
import type { Command } from 'commander'
import { deadLettersName } from '../../checkpoint/dead-letters.ts'
import { onConflicts, onIncompatibles, typeModes } from '../../types.ts'
import type { PlannedOptions } from '../../plan/plan.ts'
import type { Environment } from '../../types.ts'
import { completeEnvironment, readEnvFile } from '../environment.ts'
import type { Engine, Host, Job } from '../execute.ts'
import { addRunFlags, choice, paceOptions, several, someStages } from '../options.ts'
import type { RunFlags } from '../options.ts'
import { chooseRun, endOf } from './choose-run.ts'

interface RetryFlags extends RunFlags {
  readonly target?: string
  readonly stateDir: string
}

/** `docferry retry` */
export function addRetryCommand(program: Command, host: Host, run: (job: Job) => Promise<void>): void {
  const command = program
    .command('retry')
    .description(
      'Write the dead letters of a run again. What is written now is taken from them; what fails again stays, with its new cause. Without an id, those of the last run that has some.'
    )
    .argument('[run]', 'its id, as docferry runs shows it')
    .option('-t, --target <end>', 'again, where the address holds a password, which is not kept')
    .option('--stage <stage>', `change the documents too, behind the stages of the run: ${someStages}; can be repeated`, several)
    .addOption(new Option('--on-conflict <how>', `other than in the run: ${onConflicts.join(', ')}`).argParser(choice(onConflicts)))
    .addOption(new Option('--types <how>', `other than in the run: ${typeModes.join(', ')}`).argParser(choice(typeModes)))
    .addOption(
      new Option('--on-incompatible <how>', `other than in the run: ${onIncompatibles.join(', ')}`).argParser(choice(onIncompatibles))
    )
    .option('--subcollections', 'write an id such as x/runs/y as the path of a document in a Firestore subcollection')
    .addHelpText('after', helpText)
  addRunFlags(command).action(async (runId: string | undefined, flags: RetryFlags) => {
    completeEnvironment(host.env, readEnvFile({ file: flags.dotenv, cwd: host.cwd() }))
    await run(await retryJob(runId, flags, host.env))
  })
}

export async function retryJob(runId: string | undefined, flags: RetryFlags, environment: Environment = {}): Promise<Job> {
  const { onConflict, onIncompatible, types, subcollections, dryRun, stateDir } = flags
  // Whether it can be retried, the retry itself says.
  const chosen = await chooseRun({ runId, stateDir, fitting: ['partial'], what: 'run with dead letters' })
  return {
    command: 'retry',
    options: {
      source: { connector: 'file', options: { path: join(chosen.path, deadLettersName) } },
      target: await endOf(chosen, 'target', { given: flags.target, environment }),
      onConflict,
      onIncompatible,
      types,
      subcollections,
      dryRun,
      ...paceOptions(flags)
    },
    ...(flags.stage && { stages: flags.stage }),
    loadEngine: () => loadRetry(chosen.runId),
    secrets: await secretsOfRun(chosen.record.asked as PlannedOptions, environment),
    dataOnStdout: false,
    flags
  }
}

/** What the run's pipeline would not have shown, where its file can still be read: whoever needs its stages says why it can't. */
async function secretsOfRun({ pipeline }: PlannedOptions, environment: Environment): Promise<readonly string[]> {
  if (!pipeline) return []
  const { examinePipeline } = await import('../../pipeline/examine.ts')
  return (await examinePipeline(pipeline.file, { environment, cwd: '.' })).pipeline?.secrets ?? []
}

async function loadRetry(run: string): Promise<Engine> {
  const { retryRun } = await import('../../retry.ts')
  return { migrate: options => retryRun({ ...options, run }) }
}

const helpText = `
Documents that were on their way to the target when they failed have the stages of the run behind them.
Until the retry has come to its end, the dead letters stay as they are. It exits with 40 if some remain.

Examples:
  $ docferry retry
  $ docferry retry 2026-11-22T10-15-00-a1b2c3 --dry-run
  $ docferry retry 2026-11-22T10-15-00-a1b2c3 --stage strip:usage_info
  $ docferry retry 2026-11-22T10-15-00-a1b2c3 --on-conflict overwrite
  $ docferry retry 2026-11-22T10-15-00-a1b2c3 --on-incompatible escape
  $ docferry retry 2026-11-22T10-15-00-a1b2c3 --subcollections
`
