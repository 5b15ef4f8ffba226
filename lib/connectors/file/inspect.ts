/** Looks at a file for a checklist: whether somebody is writing it, or whether an output could be made there. */
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { describeError } from '../../errors.ts'
import type { Inspection, InspectOptions } from '../../contracts/inspection.ts'
import { outputLayout, standardStreams } from './options.ts'
import type { FileOptions } from './options.ts'

/** Whoever writes a file by and by has touched it within this time. */
const freshMs = 60_000

export async function inspect(options: FileOptions, { end }: InspectOptions): Promise<Inspection> {
  if (options.path === standardStreams) return { notes: ['a pipe can be read or written once, and never looked at before'] }
  const path = resolve(options.path)
  const found = await stat(path).catch(() => undefined)
  if (end === 'source') {
    const ageMs = found ? Date.now() - found.mtimeMs : Infinity
    const seconds = Math.max(0, Math.round(ageMs / 1000))
    return { live: ageMs < freshMs ? [`${path} was changed ${seconds} s ago: somebody may still be writing it`] : [] }
  }
  const { format } = outputLayout(options)
  const folder = await nearestFolder(dirname(path))
  const refused = await access(folder, constants.W_OK).then(() => whyUnseen(path), describeError)
  const isTaken = found !== undefined && format !== 'folder' && options.force !== true
  return {
    rights: [
      { what: `write in ${folder}`, isGranted: refused === undefined, ...(refused !== undefined && { advice: refused }) },
      ...(isTaken ? [{ what: `make ${path}, which exists`, isGranted: false, advice: '--force replaces it; or name another file' }] : [])
    ]
  }
}

/** Where nothing is there, or what is there can be looked at, nothing is in the way. */
async function whyUnseen(path: string): Promise<string | undefined> {
  return await stat(path).then(
    () => undefined,
    (error: { readonly code?: unknown }) => (error.code === 'ENOENT' ? undefined : describeError(error))
  )
}

/** The folder itself, or the first above it that is there. */
async function nearestFolder(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined)
  return found || dirname(folder) === folder ? folder : await nearestFolder(dirname(folder))
}
