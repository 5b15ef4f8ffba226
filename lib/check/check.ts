/** The checklist of a migration: before it, while it runs, and after it. Nothing is changed, except by a probe that was asked for. */
import { holderOf } from '../checkpoint/lock.ts'
import { listRuns, noSuchRun } from '../checkpoint/run-folder.ts'
import type { RunInfo } from '../checkpoint/run-folder.ts'
import { DocferryError } from '../errors.ts'
import { checkAfter } from './after.ts'
import { checkBefore } from './before.ts'
import { Checklist } from './checklist.ts'
import { checkDuring } from './during.ts'
import { checkCheckOptions } from './options.ts'
import type { CheckOptions } from './options.ts'
import type { CheckPhase, CheckReport } from './report.ts'

/**
 * Go through the checklist.
 *
 * @returns the list, whatever its points come to: `codeOfCheck` says what that is
 * @throws {DocferryError} DOCFERRY_CONFIG for options that make no sense; DOCFERRY_NO_SUCH_RUN, DOCFERRY_STATE; DOCFERRY_INTERRUPTED
 */
export async function check(options: CheckOptions): Promise<CheckReport> {
  checkCheckOptions(options)
  const { signal, observe } = options
  const run = options.run === undefined ? undefined : await findRun(options.run, options)
  const list = new Checklist(await phaseOf(run, options), { runId: run?.runId, signal })
  observe?.(list.report)
  try {
    if (list.report.phase === 'before') await checkBefore(options, list)
    else if (list.report.phase === 'during') await checkDuring(run!, options, list)
    else await checkAfter(run, options, list)
    return list.finish()
  } catch (error) {
    list.finish()
    if (!signal?.aborted) throw error
    list.report.state = 'interrupted'
    throw new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted: the list is not whole', { cause: error })
  }
}

/** A run that was killed is over: nobody is at work on it. */
async function phaseOf(run: RunInfo | undefined, { phase = 'before' }: CheckOptions): Promise<CheckPhase> {
  if (!run) return phase
  return run.state === 'running' || (await holderOf(run.path)) ? 'during' : 'after'
}

async function findRun(runId: string, { stateDir = '.docferry' }: CheckOptions): Promise<RunInfo> {
  const run = (await listRuns(stateDir)).find(each => each.runId === runId)
  if (!run) throw noSuchRun(stateDir, `no run ${runId}`)
  if (run.trouble) throw run.trouble
  return run
}
