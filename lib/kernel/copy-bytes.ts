/**
 * Many bytes into or out of memory that threads may share, one byte or more at a time as the processor likes it: `set`, `copy` and `Buffer.from` go byte by byte
 * there as soon as both ends do not begin at the same place of a word, which takes ten times as long. Of a few bytes they are as fast.
 *
 * @param bytes of other memory @returns the place behind it
 */
export function copyBytes(bytes: Uint8Array, memory: Buffer, to: number): number {
  const end = to + bytes.length
  memory.fill(bytes, to, end)
  return end
}

/** A copy that nobody shares. */
export function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafe(bytes.length)
  copyBytes(bytes, copy, 0)
  return copy
}
