/** Where a path really leads. */
import { basename, dirname, join, resolve } from 'node:path'
import { realpath } from '../../engine/near-files.ts'

/** The real path of what a path names; where that does not exist yet, of its folder with its name. */
export async function placeOf(path: string): Promise<string> {
  const whole = resolve(path)
  try {
    return await realpath(whole)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error
    const folder = dirname(whole)
    return folder === whole ? whole : join(await placeOf(folder), basename(whole))
  }
}
