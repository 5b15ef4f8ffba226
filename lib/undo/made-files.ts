/** What a run has left of an output that is made in one piece: nothing of it can be taken back, and only what is its own may be removed. */
import { exists, inodeOf, partialOfRun } from '../engine/atomic-file.ts'
import { pathOfIdentity } from '../engine/real-path.ts'
import { describeError, DocferryError } from '../errors.ts'
import type { Ran } from './undoing.ts'

/** @returns what a user can do in place of undoing */
export async function cannotUndoFiles(ran: Ran): Promise<DocferryError> {
  const { runId, asked } = ran.record
  return new DocferryError(
    'DOCFERRY_RUN_UNFIT',
    asked.target.provider === 'file'
      ? await ofFile(ran).catch(unseen(runId, asked.target.address))
      : ofSnapshot(runId, asked.target.address, isFinished(ran))
  )
}

/** Of a place that this user may not look at, or that leads in a circle by now. */
function unseen(runId: string, address: string): (error: unknown) => string {
  return error => `the run ${runId} wrote to ${address}, and what it has left there can't be looked at: ${describeError(error)}`
}

async function ofFile(ran: Ran): Promise<string> {
  const { runId, asked } = ran.record
  const { address, identity } = asked.target
  const place = pathOfIdentity(identity)
  if (place === undefined) return `the run ${runId} wrote to ${address}: nothing of it can be taken back`
  if (await isItsOwn(place, ran)) return `the run ${runId} made a file: remove ${address} by hand`
  const known = ran.checkpoint?.output?.['partial']
  const partials = new Set([...(typeof known === 'string' ? [known] : []), partialOfRun(place, runId)])
  const left: string[] = []
  for (const partial of partials) if (await exists(partial)) left.push(partial)
  const other = (await exists(place)) ? `; ${address} is not of this run, and stays` : ''
  if (left.length === 0) return `the run ${runId} left no file, so that there is nothing to undo${other}`
  return `the run ${runId} did not finish its file: remove ${left.join(' and ')} by hand${other}`
}

/** Where it is not known which file the run made, what has the name was made by a run that came to its end. */
async function isItsOwn(place: string, ran: Ran): Promise<boolean> {
  if (!(await exists(place))) return false
  const inode = ran.checkpoint?.output?.['inode']
  return typeof inode === 'string' ? (await inodeOf(place)) === inode : isFinished(ran)
}

function isFinished({ end }: Ran): boolean {
  return end?.state === 'done' || end?.state === 'partial'
}

function ofSnapshot(runId: string, address: string, isSaved: boolean): string {
  return isSaved
    ? `the run ${runId} saved a whole ${address}: put a copy of the old one back by hand`
    : `the run ${runId} saved nothing, so that there is nothing to undo: ${address} is as it was`
}
