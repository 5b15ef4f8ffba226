/** The log of a backup by couchbackup, looked at before the backup is read. */
import { DocferryError } from '../../errors.ts'
import { readBackupLog } from '../../formats/couchbackup-log.ts'
import { listNames } from '../../report.ts'
import { readError } from './errors.ts'
import { readAny } from './named-pipe.ts'

/**
 * @returns how many batches the backup holds by its log; undefined where none is named
 * @throws {DocferryError} DOCFERRY_FILE_CUT where the backup did not come to its end
 */
export async function checkBackupLog(path: string | undefined): Promise<number | undefined> {
  if (path === undefined) return undefined
  const { changesComplete, pending, done } = await readLog(path)
  const again = 'resume the backup (couchbackup --resume true), or read it without its log'
  if (!changesComplete)
    throw new DocferryError(
      'DOCFERRY_FILE_CUT',
      `${path} says that the backup was broken off before it was known what belongs to it, or is no log of couchbackup: make the backup anew`
    )
  if (pending.length > 0) {
    const listed = listNames(pending.map(String), 5)
    throw new DocferryError('DOCFERRY_FILE_CUT', `${path} says that the backup is not whole (batches ${listed} are missing): ${again}`)
  }
  return done
}

async function readLog(path: string): ReturnType<typeof readBackupLog> {
  try {
    return await readBackupLog(await readAny(path))
  } catch (error) {
    throw readError(error, path)
  }
}
