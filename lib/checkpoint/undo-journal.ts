/** The file that keeps what undoing a run needs. */
import { writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../engine/atomic-file.ts'
import { QuickCalls } from '../engine/quick-calls.ts'
import { DocferryError, describeError } from '../errors.ts'
import { linesBackwards } from '../formats/lines-backwards.ts'
import { parseEntry, parseNotMade } from './undo-entry.ts'
import type { NotMade, UndoEntry } from './undo-entry.ts'

export const undoJournalName = 'undo.ndjson'

const newline = 0x0a
const blockBytes = 256 << 10

interface Waiting {
  readonly lines: string | Buffer
  resolve(): void
  reject(error: unknown): void
}

/**
 * Takes lines in any number at once: what comes while the system is busy is written together, and none waits for the disk that does not want to.
 * The file is readable by its owner only, for it holds documents; it comes to be with the first line. A run that goes on appends to it.
 */
export class UndoJournal {
  readonly path: string
  readonly #calls = new QuickCalls()
  #file: FileHandle | undefined
  #waiting: Waiting[] = []
  #isWriting = false
  #written: Promise<void> = Promise.resolve()
  #syncing: Promise<void> | undefined
  /** Writes that the system has taken, and those of them that are on disk. */
  #taken = 0
  #onDisk = 0
  /** Behind half a line nothing may follow, and what a disk has not taken the system tells only once. */
  #failure: DocferryError | undefined

  constructor(path: string) {
    this.path = path
  }

  /**
   * @param lines whole ones; bytes are the caller's again when this resolves
   * @param options.durable whether it has to be on disk, and not only safe from the end of this process, when this resolves
   * @throws {DocferryError} DOCFERRY_STATE: a run that can't keep them must not go on
   */
  async append(lines: string | Buffer, { durable = false }: { readonly durable?: boolean } = {}): Promise<void> {
    await this.#take(lines)
    if (durable) await this.sync()
  }

  /** Make durable what was appended, also by those who still wait for it. What comes meanwhile is taken. @throws as `append`, once and for all */
  async sync(): Promise<void> {
    if (this.#isWriting) await this.#take('')
    const wanted = this.#taken
    while (this.#onDisk < wanted && !this.#failure) await (this.#syncing ??= this.#sync())
    if (this.#failure) throw this.#failure
  }

  async close(): Promise<void> {
    await this.#written
    while (this.#syncing) await this.#syncing
    await this.#file?.close()
    this.#file = undefined
  }

  #take(lines: string | Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ lines, resolve, reject })
      if (!this.#isWriting) this.#written = this.#write()
    })
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    for (let batch = this.#waiting.splice(0); batch.length > 0; batch = this.#waiting.splice(0)) {
      try {
        if (this.#failure) throw this.#failure
        const lines = joined(batch)
        if (lines.length > 0) {
          const file = (this.#file ??= await openToAppend(this.path))
          const waiting = this.#calls.make(
            () => appendHere(file, lines),
            () => file.appendFile(lines)
          )
          if (waiting) await waiting
          this.#taken++
        }
        for (const waiting of batch) waiting.resolve()
      } catch (error) {
        this.#fail(error)
        for (const waiting of batch) waiting.reject(this.#failure)
      }
    }
    // At once: who comes after the last look at what waits must not take this for still going on.
    this.#isWriting = false
  }

  async #sync(): Promise<void> {
    const taken = this.#taken
    try {
      await this.#file?.datasync()
      this.#onDisk = taken
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#syncing = undefined
    }
  }

  #fail(error: unknown): void {
    const why = `what is needed to undo the run can't be kept in ${this.path}: ${describeError(error)}`
    this.#failure ??= new DocferryError('DOCFERRY_STATE', why, { cause: error })
  }
}

function joined(batch: readonly Waiting[]): Buffer {
  const [{ lines }] = batch as [Waiting]
  return batch.length === 1 ? bytesOf(lines) : Buffer.concat(batch.map(each => bytesOf(each.lines)))
}

function bytesOf(lines: string | Buffer): Buffer {
  return typeof lines === 'string' ? Buffer.from(lines) : lines
}

function appendHere({ fd }: FileHandle, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
}

/** What a process that was killed has left half written is cut off, lest the next line begin in its middle. */
async function openToAppend(path: string): Promise<FileHandle> {
  const file = await open(path, 'a+', 0o600)
  try {
    const { size } = await file.stat()
    if (size === 0) await syncFolder(dirname(path))
    else await file.truncate(await endOfWholeLines(file, size))
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

async function endOfWholeLines(file: FileHandle, size: number): Promise<number> {
  for (let end = size; end > 0; end -= Math.min(end, blockBytes)) {
    const block = await readBlock(file, Math.max(0, end - blockBytes), Math.min(end, blockBytes))
    const at = block.lastIndexOf(newline)
    if (at !== -1) return Math.max(0, end - blockBytes) + at + 1
  }
  return 0
}

/** The entries of a journal, the newest first, and how many bytes of it are left in front of each. Those that were cancelled are left out. */
export interface UndoEntries {
  readonly bytes: number
  read(): AsyncGenerator<{ readonly entry: UndoEntry; readonly bytesLeft: number }>
  close(): Promise<void>
}

/**
 * Open a journal to be read from its end. A last line that is cut off is left out: what it tells of was not sent.
 *
 * @returns undefined where there is none
 * @throws {DocferryError} DOCFERRY_STATE, here and while reading: with the line that can't be read
 */
export async function openUndoEntries(path: string): Promise<UndoEntries | undefined> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw new DocferryError('DOCFERRY_STATE', `${path} can't be read: ${describeError(error)}`, { cause: error })
  }
  const { size } = await file.stat()
  return {
    bytes: size,
    async *read() {
      // What cancels an entry stands a batch behind it, or a few.
      const notMade = new Map<string, number>()
      for await (const { bytes, offset, complete } of linesBackwards((at, length) => readBlock(file, at, length), size, blockBytes)) {
        if (!complete) continue
        const line = bytes.toString()
        const cancelling = parseNotMade(line)
        if (cancelling) {
          const key = keyOf(cancelling)
          notMade.set(key, (notMade.get(key) ?? 0) + 1)
          continue
        }
        const entry = parseEntry(line)
        if (!entry) throw await brokenLine(file, path, offset)
        if (!takeOne(notMade, entry)) yield { entry, bytesLeft: offset }
      }
    },
    close: () => file.close()
  }
}

/** @returns whether there was one */
function takeOne(notMade: Map<string, number>, entry: UndoEntry): boolean {
  if (notMade.size === 0) return false
  const key = keyOf(entry)
  const count = notMade.get(key)
  if (count === undefined) return false
  if (count === 1) notMade.delete(key)
  else notMade.set(key, count - 1)
  return true
}

function keyOf({ collection, id }: NotMade): string {
  return JSON.stringify([collection, id])
}

async function readBlock(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const block = Buffer.allocUnsafe(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await file.read(block, done, length - done, position + done)
    if (bytesRead === 0) throw new DocferryError('DOCFERRY_STATE', 'the undo journal became shorter while it was read')
    done += bytesRead
  }
  return block
}

async function brokenLine(file: FileHandle, path: string, offset: number): Promise<DocferryError> {
  let line = 1
  for (let at = 0; at < offset; at += blockBytes) {
    for (const byte of await readBlock(file, at, Math.min(blockBytes, offset - at))) if (byte === newline) line++
  }
  const message = `${path} can't be used: line ${line} was changed or is damaged; what is behind it was gone through, what is in front of it was not`
  return new DocferryError('DOCFERRY_STATE', message, { where: `${path} line ${line}` })
}
