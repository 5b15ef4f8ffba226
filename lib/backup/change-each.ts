/** Deleting or cancelling several: all are checked before the first is touched, and what becomes of each is told. */
import type { Backup, BackupService } from '../contracts/backup.ts'
import { DocferryError } from '../errors.ts'

type Change = 'delete' | 'cancel'

/** Errors after which no other would be taken either. */
const forAll = new Set<unknown>(['DOCFERRY_AUTH', 'DOCFERRY_CONNECT', 'DOCFERRY_INTERRUPTED'])

/** @returns what each is now @throws {DocferryError} as `checkChange`, of the first that can't be changed; with its id where there are others */
export async function checkEach(
  service: BackupService,
  change: Change,
  ids: readonly string[],
  signal: AbortSignal | undefined
): Promise<readonly Backup[]> {
  const found: Backup[] = []
  for (const id of new Set(ids)) {
    try {
      found.push(await service.checkChange(change, id, { signal }))
    } catch (error) {
      if (!(error instanceof DocferryError) || ids.length === 1) throw error
      throw new DocferryError(error.code, `${error.message} (${id}; nothing was ${pastOf(change)})`, { ...error.context, cause: error })
    }
  }
  return found
}

interface Hooks {
  readonly signal: AbortSignal | undefined
  /** Called after each, with all that are done. */
  readonly see: (done: readonly Backup[]) => unknown
}

/** @throws {DocferryError} as `checkEach`, and where the first is refused: nothing is changed then */
export async function changeEach(
  service: BackupService,
  change: Change,
  ids: readonly string[],
  { signal, see }: Hooks
): Promise<readonly Backup[]> {
  const done: Backup[] = []
  let stopped: string | undefined
  for (const before of await checkEach(service, change, ids, signal)) {
    const tell = (message: string): unknown => done.push({ ...before, state: 'failed', message })
    try {
      if (signal?.aborted) stopped ??= 'interrupted before'
      if (stopped === undefined) {
        done.push(change === 'delete' ? await service.remove(before.id, { signal }) : await service.cancel!(before.id, { signal }))
      } else tell(`not ${pastOf(change)}: ${stopped}`)
    } catch (error) {
      const isInterrupted = signal?.aborted === true
      if (done.length === 0 || !(error instanceof DocferryError || isInterrupted)) throw error
      const message = isInterrupted ? 'interrupted' : (error as DocferryError).message
      if (isInterrupted || forAll.has((error as DocferryError).code)) {
        stopped = message
        tell(`${message}. Whether it was ${pastOf(change)} is not known: docferry backup status tells`)
      } else tell(`not ${pastOf(change)}: ${message}`)
    }
    see([...done])
  }
  return done
}

function pastOf(change: Change): string {
  return change === 'delete' ? 'deleted' : 'cancelled'
}
