/** What an interruption leaves of a run, in words. */
import { DocferryError } from './errors.ts'
import { isSavedAtEnd } from './report.ts'
import type { RunReport } from './report.ts'
import type { Target } from './types.ts'

export function interrupted(target: Target, { dryRun, folder, readsOnce }: Readonly<RunReport>, cause: unknown): DocferryError {
  const { provider } = target.location
  if (dryRun) return new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted: it was a dry run, and nothing was written', { cause })
  if (folder === undefined) return new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted before anything was written', { cause })
  const goOn = readsOnce ? 'what comes by a pipe can not be gone on with' : 'the run can be continued'
  const stays = `${target.suspend ? 'the output is not complete yet' : 'what was written stays written'}, and ${goOn}`
  const lost =
    provider === 'file'
      ? 'what went down the pipe is not complete, and a pipe can not be gone on with'
      : 'nothing is left of the output, which was not complete'
  const left = isSavedAtEnd(target.location) && !target.suspend ? lost : stays
  return new DocferryError('DOCFERRY_INTERRUPTED', `interrupted: ${left}`, { cause })
}
