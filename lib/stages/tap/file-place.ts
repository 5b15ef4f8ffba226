/** Where a file beside a run may be, and what is said where it can't. */
import { accessSync, constants, lstatSync, openSync, readdirSync, statSync } from 'node:fs'
import type { Dirent, Stats } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { pathOfIdentity, realPath } from '../../engine/real-path.ts'
import { DocferryError } from '../../errors.ts'
import type { Location } from '../../types.ts'

/** A run that wrote aside where it reads would read its own lines, or find nothing left; a folder that it writes takes the place of all that is in it. */
export function checkApart(path: string, ends: readonly Location[]): void {
  for (const { identity, address } of ends) {
    const end = pathOfIdentity(identity)
    if (end !== undefined && isAt(path, end))
      throw tapError(`file: ${path} is, or lies in, ${address}, where the run reads or writes: give it another place`)
  }
}

/** Each file goes to one stage. @param files what others have claimed, by all that a file is known by */
export function claim(path: string, files: Set<string>): void {
  const names = namesOf(path)
  if (names.some(name => files.has(name))) throw isOpenAlready(path)
  for (const name of names) files.add(name)
}

/** Whether two paths lead to one file, also where it has two names (a hard link). */
export function isSameFile(a: string, b: string): boolean {
  const names = namesOf(a)
  return namesOf(b).some(name => names.includes(name))
}

/** Whether a path leads to a place, or into it where that is a folder, by whatever name. @param end a real path */
export function isAt(path: string, end: string): boolean {
  const place = realPath(path)
  if (place === end || place.startsWith(`${end}${sep}`)) return true
  const stat = statOf(path)
  // Only of a file that has several names one may lie elsewhere.
  return stat !== undefined && stat.isFile() && stat.nlink > 1 && holdsFile(end, keyOf(stat))
}

function holdsFile(place: string, key: string): boolean {
  const stat = statOf(place)
  if (!stat?.isDirectory()) return stat !== undefined && keyOf(stat) === key
  return entriesOf(place).some(entry => {
    const path = join(place, entry.name)
    if (entry.isDirectory()) return holdsFile(path, key)
    const found = statOf(path)
    return found !== undefined && keyOf(found) === key
  })
}

/** What can't be listed is not read by a run either. */
function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

/** Where it leads, and, of a file that is there, which one it is. */
function namesOf(path: string): readonly string[] {
  const stat = statOf(path)
  return [realPath(path), ...(stat?.isFile() ? [keyOf(stat)] : [])]
}

export function checkPlace(path: string): void {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat?.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' })
    if (!stat && !statSync(dirname(path)).isDirectory()) throw Object.assign(new Error('below a file'), { code: 'ENOTDIR' })
    accessSync(stat ? path : dirname(path), constants.W_OK)
  } catch (error) {
    throw unwritable(path, error)
  }
}

/** @param hadOwn whether the run has written a file of that name before */
export function exists(path: string, hadOwn: boolean): DocferryError {
  const why = hadOwn
    ? 'is not the very file that the run has written there (a copy is another file): move that one back, or move this one away and put both together in the end'
    : 'is not of this run'
  return new DocferryError('DOCFERRY_OUTPUT_EXISTS', `file: ${path} exists already, and ${why}`, { stage: 'tap' })
}

export function isOpenAlready(path: string): DocferryError {
  return tapError(
    `file: ${path} is written by another stage or for another target already: give each a file of its own ({target} in its name is the target's)`
  )
}

export function unwritable(path: string, cause: unknown): DocferryError {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException
  return tapError(`file: ${path} cannot be written (${code})${whyNot(path, code)}`, cause)
}

function whyNot(path: string, code: string): string {
  const folder = dirname(path)
  if (code === 'EISDIR') return ': it is a folder; name a file in it'
  if (code === 'ENOTDIR') return `: ${folder} is, or lies in, a file and no folder`
  if (code !== 'ENOENT') return ''
  return statOf(folder) ? ': it is a link that leads nowhere' : `: make the folder ${folder} first, it is not there`
}

function tapError(message: string, cause?: unknown): DocferryError {
  return new DocferryError('DOCFERRY_CONFIG', message, { stage: 'tap', ...(cause !== undefined && { cause }) })
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

/** @returns undefined where nothing can be told of it */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** Also of a link that leads nowhere. */
export function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    // Below a file there is nothing; versions of Node differ in what they make of that.
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false
    throw error
  }
}
