import { join } from 'node:path'
import { Option } from 'commander'
import type { Command } from 'commander'
import { deadLettersName } from '../../checkpoint/dead-letters.ts'
import { listRuns, noSuchRun } from '../../checkpoint/run-folder.ts'
import type { RunInfo, RunRecord } from '../../checkpoint/run-folder.ts'
import { parseEndpoint } from '../../config/endpoint.ts'
import { DocferryError } from '../../errors.ts'
import { stages } from '../../registry.ts'
import { onConflicts, onIncompatibles, typeModes } from '../../types.ts'
import type { Engine, Job } from '../execute.ts'
import { addRunFlags, choice, paceOptions, several } from '../options.ts'
import type { RunFlags } from '../options.ts'

interface RetryFlags extends RunFlags {
  readonly target?: string
  readonly stateDir: string
}

/** `docferry retry` */
export function addRetryCommand(program: Command, run: (job: Job) => Promise<void>): void {
  const command = program
    .command('retry')
    .summary('write the documents again that a run could not write')
    .description(
      'Write the dead letters of a run again. What is written now is taken from them; what fails again stays, with its new cause. Without an id, those of the last run that has some.'
    )
    .argument('[run]', 'its id, as docferry runs shows it')
    .option('-t, --target <end>', 'again, where the address holds a password, which is not kept')
    .option(
      '--stage <stage>',
      `change the documents first, behind the stages of the run: ${stages.map(({ usage }) => usage).join(', ')}; can be repeated`,
      several
    )
    .addOption(new Option('--on-conflict <how>', `other than in the run: ${onConflicts.join(', ')}`).argParser(choice(onConflicts)))
    .addOption(new Option('--types <how>', `other than in the run: ${typeModes.join(', ')}`).argParser(choice(typeModes)))
    .addOption(
      new Option('--on-incompatible <how>', `other than in the run: ${onIncompatibles.join(', ')}`).argParser(choice(onIncompatibles))
    )
    .addHelpText('after', helpText)
  addRunFlags(command).action(async (runId: string | undefined, flags: RetryFlags) => run(await retryJob(runId, flags)))
}

export async function retryJob(runId: string | undefined, flags: RetryFlags): Promise<Job> {
  const { onConflict, onIncompatible, types, dryRun, stateDir } = flags
  const { runId: found, path, record } = await chooseRun(runId, stateDir)
  const target = flags.target === undefined ? record.ends.target : parseEndpoint(flags.target, '--target').text
  if (target === undefined)
    throw new DocferryError(
      'DOCFERRY_USAGE',
      'the run does not know its target any more, for there was a password in the address: give --target again'
    )
  return {
    command: 'retry',
    options: {
      source: { connector: 'file', options: { path: join(path, deadLettersName) } },
      target,
      onConflict,
      onIncompatible,
      types,
      dryRun,
      ...paceOptions(flags)
    },
    ...(flags.stage && { stages: flags.stage }),
    loadEngine: () => loadRetry(found),
    dataOnStdout: false,
    flags
  }
}

async function loadRetry(run: string): Promise<Engine> {
  const { retryRun } = await import('../../retry.ts')
  return { migrate: options => retryRun({ ...options, run }) }
}

/** Whether it can be retried, the retry itself says. */
async function chooseRun(runId: string | undefined, stateDir: string): Promise<RunInfo & { readonly record: RunRecord }> {
  const runs = await listRuns(stateDir)
  const found = runId === undefined ? runs.find(({ state }) => state === 'partial') : runs.find(run => run.runId === runId)
  if (!found) throw noSuchRun(stateDir, runId === undefined ? 'no run with dead letters' : `no run ${runId}`)
  const { record, trouble } = found
  if (!record) throw trouble
  return { ...found, record }
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
`
