/** The log of a backup by couchbackup, looked at before the backup is read. */
import { createReadStream } from 'node:fs'
import { DocferryError } from '../../errors.ts'
import { readBackupLog } from '../../formats/couchbackup-log.ts'
import { listNames } from '../../report.ts'
import { readError } from './errors.ts'

/**
 * @returns how many batches the backup holds by its log; undefined where none is named
 * @throws {DocferryError} DOCFERRY_FILE_CUT where the backup did not come to its end
 */
export async function checkBackupLog(path: string | undefined): Promise<number | undefined> {
  if (path === undefined) return undefined
  const { changesComplete, pending, done } = await readBackupLog(createReadStream(path)).catch((error: unknown) => {
    throw readError(error, path)
  })
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
