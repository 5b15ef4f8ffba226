/**
 * What the beginning of a file tells. A target that is only asked what it would hold looks at it, and mostly the same file is then read: what the first
 * has found is handed to the second, as long as the file is as it was.
 */
import { realpath, statExactly } from '../../engine/near-files.ts'
import { openInput } from '../../formats/open-input.ts'
import type { Input, OpenInputOptions } from '../../formats/open-input.ts'
import { readWhole } from './read-blocks.ts'

export type Beginning = Pick<Input, 'head' | 'gzip'>

export interface BeginningOptions extends OpenInputOptions {
  readonly signal?: AbortSignal | undefined
}

/** One at most: that of an export of thousands of collections is large. */
let handed: { readonly stamp: string; readonly beginning: Beginning } | undefined

/** Look, and hand on what was found. @throws as `openInput` */
export async function lookAtBeginning(path: string, options: BeginningOptions): Promise<Beginning> {
  const stamp = await stampOf(path, options)
  const beginning = await read(path, options)
  handed = { stamp, beginning }
  return beginning
}

/** @throws as `openInput` */
export async function takeBeginning(path: string, options: BeginningOptions): Promise<Beginning> {
  const found = handed
  if (!found || found.stamp !== (await stampOf(path, options))) return await read(path, options)
  handed = undefined
  return found.beginning
}

async function read(path: string, { signal, ...options }: BeginningOptions): Promise<Beginning> {
  const input = await openInput(readWhole(path, { signal }), options)
  await input.close()
  const { head, gzip } = input
  return { head, gzip }
}

async function stampOf(path: string, { format, key }: BeginningOptions): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await statExactly(path)
  return JSON.stringify([await realpath(path), String(dev), String(ino), String(size), String(mtimeNs), String(ctimeNs), format, key])
}
