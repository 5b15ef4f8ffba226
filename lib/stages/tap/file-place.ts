/** Where a file beside a run may be, and what is said where it can't. */
import { accessSync, constants, lstatSync, openSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname, sep } from 'node:path'
import { realPath } from '../../engine/real-path.ts'
import { DocferryError } from '../../errors.ts'
import type { Location } from '../../types.ts'

/** A run that wrote aside where it reads would read its own lines, or find nothing left; a folder that it writes takes the place of all that is in it. */
export function checkApart(path: string, ends: readonly Location[], files: Set<string>): void {
  const place = realPath(path)
  if (files.has(place)) throw isOpenAlready(path)
  files.add(place)
  for (const { identity, address } of ends) {
    const end = identity.startsWith('file:') ? identity.slice('file:'.length) : undefined
    if (end !== undefined && (place === end || place.startsWith(`${end}${sep}`)))
      throw new DocferryError(
        'DOCFERRY_CONFIG',
        `file: ${path} is, or lies in, ${address}, where the run reads or writes: give it another place`
      )
  }
}

export function checkPlace(path: string): void {
  try {
    accessSync(statOf(path) ? path : dirname(path), constants.W_OK)
    if (statOf(path)?.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' })
  } catch (error) {
    throw unwritable(path, error)
  }
}

export function exists(path: string): DocferryError {
  return new DocferryError('DOCFERRY_OUTPUT_EXISTS', `file: ${path} exists already, and is not of this run`, { stage: 'tap' })
}

export function isOpenAlready(path: string): DocferryError {
  return new DocferryError(
    'DOCFERRY_CONFIG',
    `file: ${path} is written by another stage or for another target already: give each a file of its own ({target} in its name is the target's)`
  )
}

export function unwritable(path: string, cause: unknown): DocferryError {
  return new DocferryError('DOCFERRY_CONFIG', `file: ${path} cannot be written (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`, {
    cause
  })
}

export function openExisting(path: string): number | undefined {
  try {
    // Of a pipe, writing alone would wait for its reader.
    return statSync(path).isFile() ? openSync(path, constants.O_RDWR | constants.O_APPEND) : undefined
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw unwritable(path, error)
  }
}

export function keyOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`
}

export function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false })
}

/** Also of a link that leads nowhere. */
export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}
