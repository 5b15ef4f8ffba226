/** What an interruption leaves of a run, in words. */
import { DocferryError } from './errors.ts'
import { isSavedAtEnd } from './report.ts'
import type { RunReport } from './report.ts'
import type { Target } from './types.ts'

export function interrupted(target: Target, { dryRun, folder }: Readonly<RunReport>, cause: unknown): DocferryError {
  const { provider } = target.location
  if (dryRun) return new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted: it was a dry run, and nothing was written', { cause })
  if (folder === undefined) return new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted before anything was written', { cause })
  const stays = target.suspend
    ? 'the output is not complete yet, and the run can be continued'
    : 'what was written stays written, and the run can be continued'
  const lost =
    provider === 'file'
      ? 'what went down the pipe is not complete, and a pipe can not be gone on with'
      : 'nothing is left of the output, which was not complete'
  const left = isSavedAtEnd(target.location) && !target.suspend ? lost : stays
  return new DocferryError('DOCFERRY_INTERRUPTED', `interrupted: ${left}`, { cause })
}
