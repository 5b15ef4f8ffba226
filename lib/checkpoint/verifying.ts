/** The sign that a run is being verified: a lock in a folder of its own, so that nobody else is kept from the run. */
import { rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { exists } from '../engine/atomic-file.ts'
import { makeFolder } from '../engine/make-folder.ts'
import { holderOf, takeLock } from './lock.ts'
import type { Holder, Lock } from './lock.ts'

const folderName = 'verifying'

/**
 * Say that this process verifies a run. Where it can't be said, or another one has said so, it verifies all the same.
 *
 * @param path of the run's folder
 */
export async function beginVerifying(path: string): Promise<Lock> {
  const folder = join(path, folderName)
  const lock = await sign(folder).catch(() => undefined)
  return {
    async release() {
      await lock?.release().catch(() => undefined)
      await rmdir(folder).catch(() => undefined)
    }
  }
}

async function sign(folder: string): Promise<Lock> {
  await makeFolder(folder, 0o700)
  return await takeLock(folder, 'the verification')
}

/** The living process that verifies a run, if one does. @param path of the run's folder */
export async function verifierOf(path: string): Promise<Holder | undefined> {
  const folder = join(path, folderName)
  if (!(await exists(folder))) return undefined
  try {
    return await holderOf(folder)
  } catch (error) {
    // It has ended meanwhile.
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}
