/** Making folders with those that they stand in. Node's own way goes on for ever below /proc, whose folders are there and take none. */
import { dirname } from 'node:path'
import { makeNewFolder, stat } from './near-files.ts'

const anyMode = 0o777

/** One that is there stays as it is. @throws as `mkdir` does */
export async function makeFolder(path: string, mode = anyMode): Promise<void> {
  try {
    return await makeOne(path, mode)
  } catch (error) {
    const parent = dirname(path)
    if (codeOf(error) !== 'ENOENT' || parent === path) throw error
    // Another may have made it meanwhile.
    if (!(await isFolder(parent))) await makeFolder(parent, mode)
  }
  await makeOne(path, mode)
}

async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await makeNewFolder(path, mode)
  } catch (error) {
    // Of a folder that is there, a system that can't be written to says that, or that it may not be made.
    if (codeOf(error) === 'ENOENT' || !(await isFolder(path))) throw error
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown }).code
}
