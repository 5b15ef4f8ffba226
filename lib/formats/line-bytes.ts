/** Texts that become lines of a file, as bytes: written once, one behind the other, so that those of a batch are handed on as they lie. */

import { notOrdinary, writeJsonBytes } from '../values/index.ts'
import type { Value } from '../values/index.ts'

const newline = 0x0a
const chunkBytes = 256 << 10
/** A longer text has a buffer of its own. */
const longText = 16 << 10

export interface LineBytes {
  /** Nothing in it changes any more from its beginning to `to`. */
  readonly chunk: Buffer
  readonly from: number
  /** Behind the line end. */
  readonly to: number
}

let chunk = Buffer.allocUnsafeSlow(chunkBytes)
let used = 0

/**
 * The text of a value that `isOrdinary`.
 *
 * @returns undefined for any other, and for one of many bytes
 */
export function ordinaryLine(value: Value): LineBytes | undefined {
  let end = writeJsonBytes(value, chunk, used)
  if (end >= chunkBytes) {
    openChunk()
    end = writeJsonBytes(value, chunk, used)
  }
  return end === notOrdinary || end >= chunkBytes ? undefined : endLine(end)
}

/** @param text without half a surrogate pair and without a line end */
export function lineBytes(text: string): LineBytes {
  if (text.length > longText) return ownBytes(text)
  // A UTF-16 unit is three bytes at most.
  if (used + 3 * text.length + 1 > chunkBytes) openChunk()
  return endLine(used + chunk.write(text, used))
}

function openChunk(): void {
  chunk = Buffer.allocUnsafeSlow(chunkBytes)
  used = 0
}

function endLine(end: number): LineBytes {
  const from = used
  chunk[end] = newline
  used = end + 1
  return { chunk, from, to: used }
}

function ownBytes(text: string): LineBytes {
  const own = Buffer.from(`${text}\n`)
  return { chunk: own, from: 0, to: own.length }
}

/** With the line end. */
export function bytesOf({ from, to }: LineBytes): number {
  return to - from
}

/** Without the line end. */
export function lineText({ chunk, from, to }: LineBytes): string {
  return chunk.toString('utf8', from, to - 1)
}

/** Whether one lies directly behind the other. */
export function areNeighbours(line: LineBytes, next: LineBytes): boolean {
  return next.chunk === line.chunk && next.from === line.to
}

/** Lines with their line ends; a copy only where they do not lie together. */
export function joinLines(lines: readonly LineBytes[]): Buffer {
  const parts: Buffer[] = []
  for (let first = 0, last = 0; first < lines.length; first = ++last) {
    while (last + 1 < lines.length && areNeighbours(lines[last]!, lines[last + 1]!)) last++
    parts.push(lines[first]!.chunk.subarray(lines[first]!.from, lines[last]!.to))
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

/** Lines without their ends, with something in front of each. */
export function listLines(lines: readonly LineBytes[], beforeFirst: string, between: string): Buffer {
  const [first, separator] = [Buffer.from(beforeFirst), Buffer.from(between)]
  return Buffer.concat(lines.flatMap(({ chunk, from, to }, index) => [index === 0 ? first : separator, chunk.subarray(from, to - 1)]))
}
