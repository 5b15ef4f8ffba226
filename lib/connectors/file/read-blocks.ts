/** Reads a file into places that are used again: those out of which lines can be packed, two in turn, or one for all of a small file. */
import fs from 'node:fs'
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { QuickCalls } from '../../engine/quick-calls.ts'
import { isGzip } from '../../formats/gzip.ts'
import type { BufferPool } from '../../kernel/buffer-pool.ts'
import type { LinePacker } from '../../packed.ts'

const newline = 0x0a
const none = Buffer.alloc(0)
/** In a place that is the reader's own. */
const headroomBytes = 16 << 10

export interface BlocksOptions {
  readonly start: number
  readonly packer: LinePacker
  /** Whether it is cut where lines end. */
  readonly isLines: boolean
  readonly signal?: AbortSignal | undefined
}

/** What is read at once where nothing waits for more: the memory that it takes is still near when it is looked at. */
const turnBytes = 256 << 10

/** @returns chunks, each of which is the caller's until the next is asked for */
export async function* readInTurn(
  path: string,
  { start, signal }: Pick<BlocksOptions, 'start' | 'signal'>
): AsyncGenerator<Buffer, void, undefined> {
  const file = await open(path)
  let [place, other] = [Buffer.allocUnsafeSlow(turnBytes), Buffer.allocUnsafeSlow(turnBytes)]
  let position = start
  let next = file.read(place, 0, turnBytes, position)
  try {
    for (;;) {
      const { bytesRead: length } = await next
      signal?.throwIfAborted()
      if (length === 0) return
      position += length
      const chunk = place.subarray(0, length)
      ;[place, other] = [other, place]
      next = file.read(place, 0, turnBytes, position)
      // While this one is looked at, it may fail.
      next.catch(() => undefined)
      yield chunk
    }
  } finally {
    await next.catch(() => undefined)
    await file.close()
  }
}

/**
 * @param options.bytes that the file had when it was last looked at; @param options.places where it is read into
 * @returns what it holds now: one chunk, and more where it has grown since. All are the caller's until it asks for what is behind the last one, or for no more
 */
export async function* readAtOnce(
  path: string,
  { bytes, places, signal }: { readonly bytes: number; readonly places: BufferPool; readonly signal?: AbortSignal | undefined }
): AsyncGenerator<Buffer, void, undefined> {
  const file = await openDescriptor(path)
  const place = places.take(bytes + 1)
  try {
    let chunk = place
    for (let position = 0; ;) {
      let length = 0
      let isAtEnd = false
      while (!isAtEnd && length < chunk.length) {
        const bytesRead = await readInto(file, chunk.subarray(length), position)
        signal?.throwIfAborted()
        isAtEnd = bytesRead === 0
        length += bytesRead
        position += bytesRead
      }
      if (length > 0) yield chunk.subarray(0, length)
      if (isAtEnd) return
      chunk = Buffer.allocUnsafeSlow(turnBytes)
    }
  } finally {
    fs.closeSync(file)
    // Where it is unpacked, a thread may still look at it.
    if (!isGzip(place)) places.give(place)
  }
}

const small = new QuickCalls()
const openInThread = promisify(fs.open)
const readInThread = promisify(fs.read)

function openDescriptor(path: string): number | Promise<number> {
  return small.make(
    () => fs.openSync(path, 'r'),
    () => openInThread(path, 'r')
  )
}

function readInto(file: number, place: Buffer, position: number): number | Promise<number> {
  return small.make(
    () => fs.readSync(file, place, 0, place.length, position),
    async () => (await readInThread(file, place, 0, place.length, position)).bytesRead
  )
}

/** @returns what the file holds, of lines whole ones where these are not too long, in chunks that whoever is done with them gives back to the packer, or keeps */
export async function* readBlocks(
  path: string,
  { start, packer, isLines, signal }: BlocksOptions
): AsyncGenerator<Buffer, void, undefined> {
  const file = await open(path)
  const { placeBytes } = packer
  const read = async (position: number): Promise<{ readonly place: Buffer; readonly length: number }> => {
    const place = packer.take() ?? Buffer.allocUnsafeSlow(placeBytes + headroomBytes)
    const { bytesRead: length } = await file.read(place, place.length - placeBytes, placeBytes, position)
    return { place, length }
  }
  let position = start
  let next = read(position)
  try {
    /** The beginning of a line. */
    let rest: Buffer = none
    for (;;) {
      const { place, length } = await next
      signal?.throwIfAborted()
      if (length === 0) break
      position += length
      next = read(position)
      // While this one is looked at, it may fail.
      next.catch(() => undefined)
      const begin = place.length - placeBytes
      if (rest.length > begin) {
        yield rest
        rest = none
      }
      rest.copy(place, begin - rest.length)
      const bytes = place.subarray(begin - rest.length, begin + length)
      const end = (isLines ? bytes.lastIndexOf(newline) + 1 : 0) || bytes.length
      // The place is used again.
      rest = Buffer.from(bytes.subarray(end))
      yield bytes.subarray(0, end)
    }
    if (rest.length > 0) yield rest
  } finally {
    const last = await next.catch(() => undefined)
    if (last) packer.give(last.place)
    await file.close()
  }
}
