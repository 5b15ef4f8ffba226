/** Reads a file into places that are used again: those out of which lines can be packed, two in turn, or one for all of a small file. */
import fs from 'node:fs'
import { open as openHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { close, open, read } from '../../engine/near-files.ts'
import { isGzip } from '../../formats/gzip.ts'
import type { BufferPool } from '../../kernel/buffer-pool.ts'
import { maxBlockBytes } from '../../kernel/kernel.ts'
import type { LinePacker } from '../../packed.ts'

const newline = 0x0a
const none = Buffer.alloc(0)
/** More than tells what a file is. */
const headBytes = 16 << 10
/** As much as the kernel takes at once, and the rest of a line before it. */
export const readChunkBytes = maxBlockBytes - (24 << 10)
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
  const file = await open(path, 'r')
  let [place, other] = [Buffer.allocUnsafeSlow(turnBytes), Buffer.allocUnsafeSlow(turnBytes)]
  const take = (): Buffer => {
    ;[place, other] = [other, place]
    return place
  }
  try {
    yield* readAhead(file, { start, take, signal })
  } finally {
    await close(file)
  }
}

/** The beginning by itself: often nothing but that is wanted, and of a small file it is all. @returns chunks, which are the caller's */
export async function* readWhole(
  path: string,
  { start = 0, signal }: { readonly start?: number; readonly signal?: AbortSignal | undefined } = {}
): AsyncGenerator<Buffer, void, undefined> {
  const file = await open(path, 'r')
  try {
    let position = start
    while (position - start < headBytes) {
      const head = Buffer.allocUnsafeSlow(headBytes)
      const length = await read(file, head, position)
      signal?.throwIfAborted()
      if (length === 0) return
      position += length
      yield head.subarray(0, length)
      signal?.throwIfAborted()
    }
    yield* readAhead(file, { start: position, take: () => Buffer.allocUnsafeSlow(readChunkBytes), signal })
  } finally {
    await close(file)
  }
}

const readInThread = promisify(fs.read)

/** The next piece is on its way while one is looked at. */
async function* readAhead(
  file: number,
  { start, take, signal }: { readonly start: number; readonly take: () => Buffer; readonly signal?: AbortSignal | undefined }
): AsyncGenerator<Buffer, void, undefined> {
  let position = start
  const readNext = async (): Promise<Buffer> => {
    const place = take()
    const { bytesRead } = await readInThread(file, place, 0, place.length, position)
    position += bytesRead
    return place.subarray(0, bytesRead)
  }
  let next = readNext()
  try {
    for (;;) {
      const chunk = await next
      signal?.throwIfAborted()
      if (chunk.length === 0) return
      next = readNext()
      // While this one is looked at, it may fail.
      next.catch(() => undefined)
      yield chunk
    }
  } finally {
    await next.catch(() => undefined)
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
  const file = await open(path, 'r')
  const place = places.take(bytes + 1)
  try {
    let chunk = place
    for (let position = 0; ;) {
      let length = 0
      let isAtEnd = false
      while (!isAtEnd && length < chunk.length) {
        const bytesRead = await read(file, chunk.subarray(length), position)
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
    await close(file)
    // Where it is unpacked, a thread may still look at it.
    if (!isGzip(place)) places.give(place)
  }
}

/** @returns what the file holds, of lines whole ones where these are not too long, in chunks that whoever is done with them gives back to the packer, or keeps */
export async function* readBlocks(
  path: string,
  { start, packer, isLines, signal }: BlocksOptions
): AsyncGenerator<Buffer, void, undefined> {
  const file = await openHandle(path)
  const { placeBytes } = packer
  const readPlace = async (position: number): Promise<{ readonly place: Buffer; readonly length: number }> => {
    const place = packer.take() ?? Buffer.allocUnsafeSlow(placeBytes + headroomBytes)
    const { bytesRead: length } = await file.read(place, place.length - placeBytes, placeBytes, position)
    return { place, length }
  }
  let position = start
  let next = readPlace(position)
  try {
    /** The beginning of a line. */
    let rest: Buffer = none
    for (;;) {
      const { place, length } = await next
      signal?.throwIfAborted()
      if (length === 0) break
      position += length
      next = readPlace(position)
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
