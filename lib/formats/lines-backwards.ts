/** Reads lines from the end of a file to its beginning, in memory of a block and the longest line. */

const newline = 0x0a

export interface BackwardLine {
  /** Without its line end. */
  readonly bytes: Buffer
  /** Where it begins. */
  readonly offset: number
  /** Whether a line end stands behind it; only the last line of a file may lack one. */
  readonly complete: boolean
}

/**
 * @param read gives exactly the bytes from a position on
 * @param size of the file
 */
export async function* linesBackwards(
  read: (position: number, length: number) => Promise<Buffer>,
  size: number,
  blockBytes: number
): AsyncGenerator<BackwardLine> {
  /** Of the line whose beginning has not been found yet, the last part first. */
  let parts: Buffer[] = []
  let end = size
  let complete = false
  const take = (first: Buffer, offset: number): BackwardLine => {
    const bytes = parts.length === 0 ? first : Buffer.concat([first, ...parts.toReversed()])
    parts = []
    return { bytes, offset, complete }
  }
  while (end > 0) {
    const start = Math.max(0, end - blockBytes)
    const block = await read(start, end - start)
    let until = block.length
    for (let at = block.lastIndexOf(newline); at !== -1; at = at === 0 ? -1 : block.lastIndexOf(newline, at - 1)) {
      const isEnd = start + at + 1 === size
      if (!isEnd) yield take(block.subarray(at + 1, until), start + at + 1)
      complete = true
      until = at
    }
    if (until > 0) parts.push(block.subarray(0, until))
    end = start
  }
  if (size > 0) yield take(Buffer.alloc(0), 0)
}
