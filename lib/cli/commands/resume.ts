import type { Command } from 'commander'
import { listRuns, noSuchRun } from '../../checkpoint/run-folder.ts'
import type { KeptEndpoint, RunInfo, RunRecord } from '../../checkpoint/run-folder.ts'
import { isStandardStream, parseEndpoint } from '../../config/endpoint.ts'
import { DocferryError } from '../../errors.ts'
import type { Endpoint } from '../../open.ts'
import { boundsOf } from '../../plan/bounds.ts'
import type { PlannedOptions } from '../../plan/plan.ts'
import type { Job } from '../execute.ts'
import { addRunFlags, paceOptions } from '../options.ts'
import type { RunFlags } from '../options.ts'
import { askedAgain } from '../plan-file.ts'

interface ResumeFlags extends RunFlags {
  readonly source?: string
  readonly target?: string
  readonly stateDir: string
}

/** `docferry resume` */
export function addResumeCommand(program: Command, run: (job: Job) => Promise<void>): void {
  const command = program
    .command('resume')
    .summary('go on with a run that was killed, interrupted or failed')
    .description(
      'Go on with a run that was killed, interrupted, or lost its network, from what the target has acknowledged. Without an id, with the last one that has not come to its end.'
    )
    .argument('[run]', 'its id, as docferry runs shows it')
    .option('-s, --source <end>', 'again, where the address holds a password, which is not kept')
    .option('-t, --target <end>', 'again, where the address holds a password, which is not kept')
    .addHelpText('after', helpText)
  addRunFlags(command, { dryRun: false }).action(async (runId: string | undefined, flags: ResumeFlags) =>
    run(await resumeJob(runId, flags))
  )
}

export async function resumeJob(runId: string | undefined, flags: ResumeFlags): Promise<Job> {
  const { resume, record } = await chooseRun(runId, flags.stateDir)
  const asked = record.asked as PlannedOptions
  const { collections, ...again } = askedAgain(asked)
  const target = endOf('target', flags.target, record.ends.target)
  return {
    command: 'resume',
    options: {
      source: endOf('source', flags.source, record.ends.source),
      target,
      resume,
      ...again,
      // Where only reading tells, a run that was killed early knows none.
      ...(collections && collections.length > 0 && { collections }),
      ...paceOptions(flags),
      ...asked.bounds,
      ...boundsOf(paceOptions(flags))
    },
    stages: asked.stages,
    dataOnStdout: typeof target === 'string' && isStandardStream(parseEndpoint(target)),
    flags
  }
}

async function chooseRun(runId: string | undefined, stateDir: string): Promise<{ readonly resume: string; readonly record: RunRecord }> {
  const runs = await listRuns(stateDir)
  const found = runId === undefined ? runs.find(({ state }) => isOpen(state)) : runs.find(run => run.runId === runId)
  if (!found) throw noSuchRun(stateDir, runId === undefined ? 'no run that can be continued' : `no run ${runId}`)
  if (found.state === 'done' || found.state === 'partial')
    throw new DocferryError('DOCFERRY_USAGE', `the run ${found.runId} has come to its end: there is nothing to go on with`)
  if (found.state === 'undone' || found.state === 'partly undone')
    throw new DocferryError(
      'DOCFERRY_USAGE',
      `the run ${found.runId} was undone, in whole or in part: begin a new one instead of going on with it`
    )
  if (!found.record) throw found.trouble
  return { resume: found.runId, record: found.record }
}

/** A run that is under way in another process is refused by its lock, which says which process that is. */
function isOpen(state: RunInfo['state']): boolean {
  return state === 'killed' || state === 'interrupted' || state === 'failed'
}

function endOf(role: 'source' | 'target', given: string | undefined, kept: KeptEndpoint | undefined): Endpoint {
  if (given !== undefined) return parseEndpoint(given, `--${role}`).text
  if (kept === undefined)
    throw new DocferryError(
      'DOCFERRY_USAGE',
      `the run does not know its ${role} any more, for there was a password in the address: give --${role} again`
    )
  return kept
}

const helpText = `
Where the target is a database, what it has acknowledged is not read again; at most the last batches are written twice.

Examples:
  $ docferry runs
  $ docferry resume
  $ docferry resume 2026-11-22T10-15-00-a1b2c3 --target 'couchdb://admin:secret@new:5984'
`
