import type { Command } from 'commander'
import { runCommand } from '../../checkpoint/run-command.ts'
import { lacksVerification } from '../../checkpoint/run-folder.ts'
import type { RunInfo, RunRecord } from '../../checkpoint/run-folder.ts'
import { isStandardStream, parseEndpoint } from '../../config/endpoint.ts'
import { DocferryError } from '../../errors.ts'
import { boundsOf } from '../../plan/bounds.ts'
import type { PipelineOrigin, PlannedOptions } from '../../plan/plan.ts'
import { isOfRepair } from '../../stages/index.ts'
import type { Environment } from '../../types.ts'
import { completeEnvironment, readEnvFile } from '../environment.ts'
import type { Host, Job } from '../execute.ts'
import { addRunFlags, addVerifyFlag, paceOptions } from '../options.ts'
import type { RunFlags } from '../options.ts'
import { askedAgain } from '../plan-file.ts'
import { chooseRun, endOf, resumableStates } from './choose-run.ts'
import type { ChosenRun } from './choose-run.ts'

interface ResumeFlags extends RunFlags {
  readonly source?: string
  readonly target?: string
  readonly stateDir: string
}

/** `docferry resume` */
export function addResumeCommand(program: Command, host: Host, run: (job: Job) => Promise<void>): void {
  const command = program
    .command('resume')
    .description(
      'Go on with a run that was killed, interrupted, or lost its network, from what the target has acknowledged. Without an id, with the last one that has not come to its end.'
    )
    .argument('[run]', 'its id, as docferry runs shows it')
    .option('-s, --source <end>', 'again, where the address holds a password, which is not kept')
    .option('-t, --target <end>', 'again, where the address holds a password, which is not kept')
    .addHelpText('after', helpText)
  addRunFlags(addVerifyFlag(command), { dryRun: false }).action(async (runId: string | undefined, flags: ResumeFlags) => {
    completeEnvironment(host.env, readEnvFile({ file: flags.dotenv, cwd: host.cwd() }))
    const job = await resumeJob(runId, flags, host.env)
    const told = job.options.pipeline?.code
    if (told !== undefined && told !== job.codeNow)
      host.stderr.write(
        'docferry: the code of the stages has changed since the run began: what was written before stays as the old code has made it\n'
      )
    await run(job)
  })
}

export async function resumeJob(
  runId: string | undefined,
  flags: ResumeFlags,
  environment: Environment = {}
): Promise<Job & { readonly codeNow?: string | undefined }> {
  const run = await chooseRun({
    runId,
    stateDir: flags.stateDir,
    fitting: resumableStates,
    what: 'run that can be continued',
    except: isRepair,
    besides: runs => {
      const left = runs.find(lacksVerification)
      return left && unverifiedText(left, flags.stateDir)
    }
  })
  checkCanGoOn(run, flags.stateDir)
  const asked = run.record.asked as PlannedOptions
  const { collections, ...again } = askedAgain(asked)
  const known = asked.pipeline && (await knownOf(asked.pipeline, environment))
  const target = await endOf(run, 'target', { given: flags.target, environment })
  return {
    command: 'resume',
    options: {
      source: await endOf(run, 'source', { given: flags.source, environment }),
      target,
      resume: run.runId,
      ...(asked.pipeline && { pipeline: asked.pipeline }),
      ...again,
      // Where only reading tells, a run that was killed early knows none.
      ...(collections && collections.length > 0 && { collections }),
      ...paceOptions(flags),
      ...asked.bounds,
      ...boundsOf(paceOptions(flags))
    },
    makeStages: async around => (await import('../../stages-of-run.ts')).stagesOfRun(asked, { environment: around }),
    ...(known && { secrets: known.secrets, codeNow: known.code }),
    dataOnStdout: typeof target === 'string' && isStandardStream(parseEndpoint(target)),
    flags: { ...flags, verify: flags.verify ?? asked.toVerify }
  }
}

/** As its file says now. @throws {DocferryError} DOCFERRY_CONFIG */
async function knownOf({ file }: PipelineOrigin, environment: Environment) {
  const { loadPipeline } = await import('../../pipeline/load.ts')
  const { codeDigest } = await import('../../pipeline/code-digest.ts')
  const pipeline = await loadPipeline(file, { environment, cwd: '.' })
  return { secrets: pipeline.secrets, code: codeDigest(pipeline) }
}

/** A run that is under way in another process is refused by its lock, which says which process that is. */
function checkCanGoOn(run: ChosenRun, stateDir: string): void {
  const { runId, state, end, record } = run
  const unfit = (why: string): DocferryError => new DocferryError('DOCFERRY_RUN_UNFIT', `the run ${runId} ${why}`)
  if (state === 'done' || state === 'partial')
    throw unfit(
      ['has come to its end: there is nothing to go on with', ...(lacksVerification(run) ? [unverifiedText(run, stateDir)] : [])].join('; ')
    )
  if (state === 'undone' || state === 'partly undone')
    throw unfit('was undone, in whole or in part: begin a new one instead of going on with it')
  if (state === 'broken off' && !end?.refused)
    throw unfit('went down a pipe, which can not be cut back: begin a new one instead of going on with it')
  if (isRepair(record)) throw unfit('is a repair: give docferry repair again, which finds what is left')
}

function unverifiedText({ runId, verifier }: RunInfo, stateDir: string): string {
  if (verifier) return `process ${verifier.pid} verifies ${runId} right now`
  return `${runId} was not verified to its end: ${runCommand('verify', runId, stateDir)}`
}

function isRepair({ asked }: RunRecord): boolean {
  return isOfRepair((asked as PlannedOptions).stages)
}

const helpText = `
Where the target is a database, what it has acknowledged is not read again; at most the last batches are written twice.

Examples:
  $ docferry runs
  $ docferry resume
  $ docferry resume 2026-11-22T10-15-00-a1b2c3 --target 'couchdb://admin:secret@new:5984'
`
