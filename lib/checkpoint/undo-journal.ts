/** The file that keeps what undoing a run needs. */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../engine/atomic-file.ts'
import { DocferryError, describeError } from '../errors.ts'
import { linesBackwards } from '../formats/lines-backwards.ts'
import { parseEntry } from './undo-entry.ts'
import type { UndoEntry } from './undo-entry.ts'

export const undoJournalName = 'undo.ndjson'

const newline = 0x0a
const blockBytes = 256 << 10

interface Waiting {
  readonly lines: string | Buffer
  readonly durable: boolean
  resolve(): void
  reject(error: unknown): void
}

/**
 * Takes lines in any number at once: what comes while the disk is busy is written together. The file is readable by its owner only, for it
 * holds documents; it comes to be with the first line. A run that goes on appends to it.
 */
export class UndoJournal {
  readonly path: string
  #file: FileHandle | undefined
  #waiting: Waiting[] = []
  #isWriting = false
  #written: Promise<void> = Promise.resolve()
  #isSynced = true

  constructor(path: string) {
    this.path = path
  }

  /**
   * @param lines whole ones; bytes are the caller's again when this resolves
   * @param options.durable whether it has to be on disk, and not only safe from the end of this process, when this resolves
   * @throws {DocferryError} DOCFERRY_STATE: a run that can't keep them must not go on
   */
  append(lines: string | Buffer, { durable = false }: { readonly durable?: boolean } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ lines, durable, resolve, reject })
      if (!this.#isWriting) this.#written = this.#write()
    })
  }

  /** Make durable what was appended. */
  async sync(): Promise<void> {
    if (!this.#isSynced || this.#isWriting) await this.append('', { durable: true })
  }

  async close(): Promise<void> {
    await this.#written
    await this.#file?.close()
    this.#file = undefined
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    for (let batch = this.#waiting.splice(0); batch.length > 0; batch = this.#waiting.splice(0)) {
      try {
        await this.#writeBatch(batch)
        for (const waiting of batch) waiting.resolve()
      } catch (error) {
        const why = `what is needed to undo the run can't be kept in ${this.path}: ${describeError(error)}`
        const failure = new DocferryError('DOCFERRY_STATE', why, { cause: error })
        for (const waiting of batch) waiting.reject(failure)
      }
    }
    // At once: who comes after the last look at what waits must not take this for still going on.
    this.#isWriting = false
  }

  async #writeBatch(batch: readonly Waiting[]): Promise<void> {
    const file = (this.#file ??= await openToAppend(this.path))
    const lines = joined(batch)
    if (lines.length > 0) {
      this.#isSynced = false
      await file.appendFile(lines)
    }
    if (this.#isSynced || !batch.some(({ durable }) => durable)) return
    await file.datasync()
    this.#isSynced = true
  }
}

function joined(batch: readonly Waiting[]): string | Buffer {
  const [{ lines }] = batch as [Waiting]
  if (batch.length === 1) return lines
  return Buffer.concat(batch.map(each => (typeof each.lines === 'string' ? Buffer.from(each.lines) : each.lines)))
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

/** The entries of a journal, the newest first, and how many bytes of it are left in front of each. */
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
      for await (const { bytes, offset, complete } of linesBackwards((at, length) => readBlock(file, at, length), size, blockBytes)) {
        if (!complete) continue
        const entry = parseEntry(bytes.toString())
        if (!entry) throw await brokenLine(file, path, offset)
        yield { entry, bytesLeft: offset }
      }
    },
    close: () => file.close()
  }
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
