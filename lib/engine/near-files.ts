/**
 * What is asked of small files and of folders, as `node:fs/promises` has it: made where it is asked for as long as it is quick (`QuickCalls`), so that a run that keeps little of itself wakes no thread for it. Streams of documents
 * are no matter for this.
 */
import fs from 'node:fs'
import promises from 'node:fs/promises'
import { promisify } from 'node:util'
import { QuickCalls } from './quick-calls.ts'

const calls = new QuickCalls()
/** These wait for a disk, and say nothing of the others. */
const syncs = new QuickCalls()

/** The same call twice. @returns what fails as a promise does */
function near<Args extends readonly unknown[], Answer>(
  here: (...args: Args) => Answer,
  inThread: (...args: Args) => Promise<Answer>,
  quick = calls
): (...args: Args) => Promise<Answer> {
  return async (...args) =>
    quick.make(
      () => here(...args),
      () => inThread(...args)
    )
}

export const access = near<[path: string, mode: number], void>(fs.accessSync, promises.access)
export const link = near<[from: string, to: string], void>(fs.linkSync, promises.link)
export const lstat = near<[path: string], fs.Stats>(fs.lstatSync, promises.lstat)
/** Fails where there is one already. */
export const makeNewFolder = near<[path: string, mode: number], void>(
  fs.mkdirSync,
  async (path, mode) => void (await promises.mkdir(path, mode))
)
export const readdir = near<[path: string], string[]>(fs.readdirSync, promises.readdir)
/** @returns fewer bytes where the file ends before */
export const readPart = near<[path: string, start: number, length: number], Buffer>(
  (path, start, length) => {
    const file = fs.openSync(path, 'r')
    try {
      const bytes = Buffer.allocUnsafe(length)
      return bytes.subarray(0, fs.readSync(file, bytes, 0, length, start))
    } finally {
      fs.closeSync(file)
    }
  },
  async (path, start, length) => {
    const file = await promises.open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, start)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  }
)
export const readText = near<[path: string], string>(
  path => fs.readFileSync(path, 'utf8'),
  path => promises.readFile(path, 'utf8')
)
/** By the system itself: the one in JavaScript looks at each part of a path. */
export const realpath = near<[path: string], string>(fs.realpathSync.native, promises.realpath)
export const rename = near<[from: string, to: string], void>(fs.renameSync, promises.rename)
export const stat = near<[path: string], fs.Stats>(fs.statSync, promises.stat)
export const statExactly = near<[path: string], fs.BigIntStats>(
  path => fs.statSync(path, { bigint: true }),
  path => promises.stat(path, { bigint: true })
)
export const unlink = near<[path: string], void>(fs.unlinkSync, promises.unlink)

/** A file or a link, if it is there. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    const { code } = error as { code?: unknown }
    // Nor is it there where a file has come in the place of its folder.
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
  }
}

const openInThread = promisify(fs.open)
const closeInThread = promisify(fs.close)
const readInThread = promisify(fs.read)
const writeInThread = promisify(fs.write)

/** @returns the file's descriptor, to be closed by the caller */
export const open = near<[path: string, flags: string, mode?: number], number>(fs.openSync, openInThread)
export const close = near<[file: number], void>(fs.closeSync, closeInThread)
export const chmod = near<[file: number, mode: number], void>(fs.fchmodSync, promisify(fs.fchmod))
/** What was written is on disk when this resolves. */
export const sync = near<[file: number], void>(fs.fsyncSync, promisify(fs.fsync), syncs)

/** @returns how many bytes came, which are less than there is place for at the end at the latest */
export const read = near<[file: number, place: Buffer, position: number], number>(
  (file, place, position) => fs.readSync(file, place, 0, place.length, position),
  async (file, place, position) => (await readInThread(file, place, 0, place.length, position)).bytesRead
)

/** @returns how many bytes were taken @param position null: behind what was written last */
export const write = near<[file: number, bytes: Buffer, position: number | null], number>(
  (file, bytes, position) => fs.writeSync(file, bytes, 0, bytes.length, position),
  async (file, bytes, position) => (await writeInThread(file, bytes, 0, bytes.length, position)).bytesWritten
)

/** All of a new file, or behind what was written last. */
export async function writeAll(file: number, bytes: Buffer): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await write(file, rest, null))
}
