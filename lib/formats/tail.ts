/** Reads the end of an NDJSON export without the rest, for what stands there. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { DocferryError } from '../errors.ts'
import { isMap, parseJson } from '../values/index.ts'
import type { Value } from '../values/index.ts'
import { parseControl } from './document-line.ts'
import type { Summary } from './document-line.ts'
import { gunzip } from './gzip.ts'
import { maxLineBytes } from './lines.ts'
import { TrailerLine } from './trailer-line.ts'

/** How much of the end of a file is looked at: most trailers are short. */
const tailBytes = 256 << 10
/** The same of one that is in another form than docferry writes it. */
const foreignTailBytes = 16 << 20
/** How far a trailer that is read as it comes may begin before the end of the file. */
const mostBytes = { plain: maxLineBytes, gzip: 64 << 20 }

/** Longest trailer of a compressed file that is read at once. */
const maxTrailerBytes = 32 << 20

const maxTries = 16
const memberStart = Buffer.from([0x1f, 0x8b, 0x08])
const lineEnd = Buffer.from('\n')

/** @returns as `readTail` */
export async function readSummary(
  path: string,
  { size, gzip }: { readonly size: number; readonly gzip: boolean }
): Promise<Summary | undefined> {
  const file = await open(path, 'r')
  try {
    const tail = await readEnd(file, size, tailBytes)
    const summary = readTail(tail, { gzip })
    // Of a plain file it is enough to have seen the last line.
    if (summary || tail.length === size || (!gzip && tail.lastIndexOf(lineEnd, tail.length - 2) !== -1)) return summary
    return (await readLong(path, file, { size, gzip })) ?? readTail(await readEnd(file, size, foreignTailBytes), { gzip })
  } finally {
    await file.close()
  }
}

async function readEnd(file: FileHandle, size: number, most: number): Promise<Buffer> {
  const buffer = Buffer.alloc(Math.min(size, most))
  const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length)
  return buffer.subarray(0, bytesRead)
}

/** A trailer with the sums of hundreds of collections. @returns undefined where it is in another form than that in which it is written */
async function readLong(
  path: string,
  file: FileHandle,
  { size, gzip }: { readonly size: number; readonly gzip: boolean }
): Promise<Summary | undefined> {
  // The last line's own end is passed over.
  const places = gzip
    ? placesBackwards(file, memberStart, { size, most: mostBytes.gzip })
    : placesBackwards(file, lineEnd, { size: size - 1, most: mostBytes.plain })
  let tries = 0
  for await (const place of places) {
    const chunks = createReadStream(path, { start: gzip ? place : place + 1, end: size - 1, highWaterMark: tailBytes })
    const summary = await summaryIn(gzip ? gunzip(chunks, { name: path }) : chunks)
    // Three bytes inside of compressed data begin no member; then one is further in front.
    if (summary || !gzip || ++tries === maxTries) return summary
  }
  return undefined
}

/** Where some bytes stand, the last ones first. */
async function* placesBackwards(
  file: FileHandle,
  wanted: Buffer,
  { size, most }: { readonly size: number; readonly most: number }
): AsyncGenerator<number, void, undefined> {
  const block = Buffer.allocUnsafeSlow(tailBytes)
  for (let end = size; end > 0 && size - end < most;) {
    const start = Math.max(0, end - block.length)
    const { bytesRead } = await file.read(block, 0, end - start, start)
    const bytes = block.subarray(0, bytesRead)
    for (let at = bytes.lastIndexOf(wanted); at !== -1; at = at === 0 ? -1 : bytes.lastIndexOf(wanted, at - 1)) yield start + at
    // What two blocks share is found in the second.
    end = start === 0 ? 0 : start + wanted.length - 1
  }
}

/** Of one line with its line end. */
async function summaryIn(chunks: AsyncIterable<unknown>): Promise<Summary | undefined> {
  const line = new TrailerLine()
  let isAtEnd = false
  try {
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      if (isAtEnd) return undefined
      isAtEnd = chunk.at(-1) === 0x0a
      if (!line.push(isAtEnd ? chunk.subarray(0, -1) : chunk)) return undefined
    }
  } catch (error) {
    // What is wrong with it is told by whoever reads all of the file.
    if (error instanceof DocferryError) return undefined
    throw error
  }
  return isAtEnd && line.end() ? line.summary() : undefined
}

/**
 * @param tail the last bytes of the file as they are stored
 * @returns undefined where the end is not there or is not to be seen from here: only reading the whole tells why
 */
export function readTail(tail: Buffer, { gzip }: { readonly gzip: boolean }): Summary | undefined {
  const text = gzip ? lastMember(tail) : tail
  if (!text) return undefined
  const end = text.lastIndexOf('\n')
  if (end !== text.length - 1) return undefined
  const start = text.lastIndexOf('\n', end - 1) + 1
  return summaryOf(text.subarray(start, end))
}

/** @returns undefined for a line that is no trailer */
export function summaryOf(line: Buffer): Summary | undefined {
  // Most of what is no export is found out without parsing it.
  if (!/^\s*\{\s*"\$end"/.test(line.toString('latin1', 0, 64))) return undefined
  try {
    const value = parseJson(line.toString())
    const control = parseControl(value)
    return control && 'end' in control && hasCounts(value) ? control.end : undefined
  } catch {
    // No control line: the file is no whole export, and reading it says what is wrong.
    return undefined
  }
}

/** Without them it would be the end of an export that holds nothing. */
function hasCounts(value: Value): boolean {
  const end = isMap(value) ? value['$end'] : undefined
  return isMap(end) && isMap(end['counts'])
}

function lastMember(tail: Buffer): Buffer | undefined {
  let at = tail.length
  for (let tries = 0; tries < maxTries && at > 0; tries++) {
    at = tail.lastIndexOf(memberStart, at - 1)
    if (at === -1) return undefined
    try {
      return gunzipSync(tail.subarray(at), { maxOutputLength: maxTrailerBytes })
    } catch {
      // These three bytes stand inside compressed data and begin no member; look further in front.
    }
  }
  return undefined
}
