/** Files and folders that appear whole or not at all: written beside their place, made durable, then renamed. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import type { Stats } from 'node:fs'
import { mkdir, readdir, rm, rmdir, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Writable } from 'node:stream'
import { describeError, DocferryError, isNoRoom } from '../errors.ts'
import { chmod, close, link, lstat, open, realpath, removeFile, rename, stat, statExactly, sync, unlink } from './near-files.ts'
import { syncAhead } from './sync-ahead.ts'
import { formatCount } from '../values/format-count.ts'

/** Where what has the name already goes while `partial` takes its place; the same for each process that goes on with the output. */
function replacedName(partial: string): string {
  return partial.replace(/\.partial-([^./]*)$|$/, '.replaced-$1')
}

/** Something that is being written and has not got its name yet. */
export interface AtomicFile {
  /** Ended by the caller before `commit`. */
  readonly stream: Writable
  /** Where it is written. */
  readonly partial: string
  /** Make what the stream has written so far durable. */
  sync(): Promise<void>
  /** Make it durable and give it its name. @throws {DocferryError} DOCFERRY_OUTPUT_EXISTS where that is taken by now, without `overwrite` */
  commit(): Promise<void>
  /** Give up, and leave what was written. Resolves when nothing is written any more, so that somebody else may go on with it. */
  leave(): Promise<void>
  /** Remove what was written. */
  discard(): Promise<void>
}

export interface AtomicOptions {
  /** Replace what has the name already. Default false. */
  readonly overwrite?: boolean
  /** Id of the run that makes it: what a process of this run began and left empty, before anything knew of it, is removed. */
  readonly run?: string | undefined
}

export interface AtomicFileOptions extends AtomicOptions {
  /** Of a new one. Default: as the process makes files. */
  readonly mode?: number
  /** Go on with a partial file, cut off at so many bytes. */
  readonly resume?: { readonly partial: string; readonly bytes: number } | undefined
}

const partialBytes = 6

/** A name beside `path` that nothing has. */
export function partialName(path: string): string {
  return partialNameBy(path, randomBytes(partialBytes).toString('hex'))
}

function partialNameBy(path: string, mark: string): string {
  return `${path.replace(/\/+$/, '')}.partial-${mark}`
}

/** The name beside `path` that only this run gives. */
export function partialOfRun(path: string, run: string): string {
  return partialNameBy(
    path,
    createHash('sha256')
      .update(run)
      .digest('hex')
      .slice(0, 2 * partialBytes)
  )
}

/** That, where there is a run; another one where something of that name must not be touched. */
async function partialOf(path: string, run: string | undefined): Promise<string> {
  if (run === undefined) return partialName(path)
  const own = partialOfRun(path, run)
  return (await removeEmpty(own)) ? own : partialName(path)
}

/** @returns whether nothing is there then */
async function removeEmpty(path: string): Promise<boolean> {
  const found = await foundAt(path)
  if (!found) return true
  const isEmptyFile = found.isFile() && found.size === 0
  if (isEmptyFile) await removeFile(path)
  const isEmptyFolder = found.isDirectory() && (await readdir(path)).length === 0
  if (isEmptyFolder) await rmdir(path)
  return isEmptyFile || isEmptyFolder
}

/** @throws {DocferryError} DOCFERRY_RUN_UNFIT where the partial file to go on with is gone, or shorter than it was */
export async function createAtomicFile(
  path: string,
  { overwrite = false, run, resume, mode: newMode }: AtomicFileOptions = {}
): Promise<AtomicFile> {
  // A link stays a link: what it points to is replaced.
  const place = await realpath(path).catch(() => path)
  const partial = resume?.partial ?? (await partialOf(place, run))
  if (resume) await cutBack(resume)
  // What replaces a file that only its owner may read must not be readable by others, from its first byte on.
  const mode = await modeOf(place)
  const way = resume ? { flags: 'r+', start: resume.bytes } : { flags: 'wx', mode: mode ?? newMode ?? 0o666 }
  const stream = createWriteStream(partial, { ...way, highWaterMark: 1 << 20, fs: syncAhead(error => void stream.destroy(error)) })
  await once(stream, 'open')
  async function leave(): Promise<void> {
    // What was under way fails now, and nobody wants to know.
    stream.on('error', () => undefined)
    stream.destroy()
    if (!stream.closed) await new Promise<void>(resolve => stream.once('close', resolve))
  }
  return {
    stream,
    partial,
    sync: () => syncFile(partial),
    async commit() {
      await syncFile(partial, mode)
      await publish(partial, place, overwrite)
    },
    leave,
    async discard() {
      await leave()
      await removeFile(partial)
    }
  }
}

/** Have a file hold this, whole or not at all, whatever stands there. @throws what the system says */
export async function replaceFile(path: string, content: string | Buffer): Promise<void> {
  const file = await createAtomicFile(path, { overwrite: true })
  try {
    file.stream.end(content)
    await once(file.stream, 'close')
    await file.commit()
  } catch (error) {
    await file.discard()
    throw error
  }
}

/** What stays the same when a file or folder gets another name. */
export async function inodeOf(path: string): Promise<string> {
  const { dev, ino } = await statExactly(path)
  return `${dev}:${ino}`
}

/**
 * Whether what was written as `partial` has its own name already: a process may die behind the renaming and before it can say so. The name
 * that it was written by goes, should it be left.
 */
export async function isPublished(
  path: string,
  { partial, inode }: { readonly partial: string; readonly inode: string }
): Promise<boolean> {
  const found = await inodeOf(path).catch(() => undefined)
  if (found !== inode) return false
  await removeFile(partial)
  await rm(replacedName(partial), { recursive: true, force: true })
  return true
}

/** @throws {DocferryError} DOCFERRY_RUN_UNFIT where the partial file to go on with is gone, or shorter than it was */
export async function cutBack({ partial, bytes }: { readonly partial: string; readonly bytes: number }): Promise<void> {
  const size = await stat(partial).then(
    found => found.size,
    () => -1
  )
  if (size < bytes) {
    const what = size === -1 ? 'is gone' : `has ${formatCount(size)} bytes, and had ${formatCount(bytes)}`
    throw new DocferryError('DOCFERRY_RUN_UNFIT', `the unfinished output ${partial} ${what}: begin the run anew`, { endsRun: true })
  }
  await truncate(partial, bytes)
}

/** A folder whose files are written in `partial` and get their place together. */
export interface AtomicFolder {
  readonly partial: string
  commit(): Promise<void>
  discard(): Promise<void>
}

/** @param path of the folder: missing, empty, or to be replaced as a whole with `overwrite` */
export async function createAtomicFolder(
  path: string,
  { overwrite = false, run, resume }: AtomicOptions & { readonly resume?: { readonly partial: string } | undefined } = {}
): Promise<AtomicFolder> {
  const place = await realpath(path).catch(() => path.replace(/(.)\/+$/, '$1'))
  const partial = resume?.partial ?? (await partialOf(place, run))
  if (!resume) await mkdir(partial)
  return {
    partial,
    async commit() {
      await syncFolder(partial)
      const replaced = replacedName(partial)
      const hadOld = overwrite && (await exists(place))
      // Where a process was killed when it had put the old one aside, and somebody has taken the place since, there are two.
      const aside = hadOld && (await exists(replaced)) ? partialName(place) : replaced
      if (hadOld) await rename(place, aside)
      try {
        await rename(partial, place)
      } catch (error) {
        if (hadOld) await rename(aside, place)
        throw isTaken(error) ? outputTaken(place) : error
      }
      await syncFolder(dirname(place))
      for (const old of [aside, replaced]) await rm(old, { recursive: true, force: true })
    },
    async discard() {
      await rm(partial, { recursive: true, force: true })
    }
  }
}

export function outputExists(path: string): DocferryError {
  return new DocferryError('DOCFERRY_OUTPUT_EXISTS', `${path} exists already: choose another name, or replace it with --force`)
}

/** Of a name that was free when the output was begun: what goes on with it can't be told to replace anything. */
export function outputTaken(path: string): DocferryError {
  return new DocferryError(
    'DOCFERRY_OUTPUT_EXISTS',
    `${path} was made by somebody else since this output was begun: move it away, or remove it`
  )
}

/** Of a file that was asked for beside the documents, like a receipt: what could not be done with it, and why. */
export function sideFileError(what: string, cause: unknown, hint = ''): DocferryError {
  const isOfDisk = isNoRoom(cause) || (cause as { code?: unknown }).code === 'EIO'
  return new DocferryError(isOfDisk ? 'DOCFERRY_TARGET' : 'DOCFERRY_CONFIG', `${what}: ${describeError(cause)}${hint}`, { cause })
}

/** @throws what the system says where it can't be looked at */
export async function exists(path: string): Promise<boolean> {
  return (await foundAt(path)) !== undefined
}

/** @returns undefined where there is nothing */
async function foundAt(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    const { code } = error as { code?: unknown }
    // Below a file there is nothing.
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** @returns undefined where there is nothing */
export async function modeOf(place: string): Promise<number | undefined> {
  const old = await stat(place).catch((error: { code?: unknown }) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return old && old.mode & 0o777
}

/** Make what a file holds durable, and give it a mode first where one is wanted. */
export async function syncFile(path: string, mode?: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    if (mode !== undefined) await chmod(file, mode)
    await sync(file)
  } finally {
    await close(file)
  }
}

async function publish(partial: string, place: string, overwrite: boolean): Promise<void> {
  if (overwrite) {
    await rename(partial, place)
  } else {
    try {
      // Unlike a rename, this never replaces what has the name by now.
      await link(partial, place)
      await unlink(partial)
    } catch (error) {
      if (isTaken(error)) throw outputTaken(place)
      if (!hasNoLinks(error)) throw error
      if (await exists(place)) throw outputTaken(place)
      await rename(partial, place)
    }
  }
  await syncFolder(dirname(place))
}

function isTaken(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'EEXIST' || code === 'ENOTEMPTY' || code === 'ENOTDIR'
}

/** File systems without hard links (FAT, some network shares) and places where the kernel forbids them. */
function hasNoLinks(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL'].includes(String((error as { code?: unknown }).code))
}

/** Make the names in a folder durable, as far as its file system can. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await sync(folder)
  } catch (error) {
    // Some file systems can't sync a folder; the rename is still atomic, only its durability is theirs.
    if (!hasNoLinks(error) && (error as { code?: unknown }).code !== 'EBADF') throw error
  } finally {
    await close(folder)
  }
}
