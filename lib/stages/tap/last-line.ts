/** How a file's last line ends before another one is written behind it. */
import { fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs'

/** What others wrote is not cut. */
export function endLastLine(fd: number): void {
  const { size } = fstatSync(fd)
  const last = Buffer.alloc(1)
  if (size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== newline) writeSync(fd, '\n')
}

/**
 * A process that was killed may have left a piece of a line, of a document that comes again: it is cut off. What is a whole value was put there by
 * somebody, and stays.
 *
 * @param from what stands before it is not looked at
 */
export function cutTornLine(fd: number, from: number): void {
  const { size } = fstatSync(fd)
  const start = startOfLastLine(fd, from, size)
  if (start === size) return
  const line = Buffer.alloc(size - start)
  const length = readSync(fd, line, 0, line.length, start)
  if (isJson(line.toString('utf8', 0, length))) writeSync(fd, '\n')
  else ftruncateSync(fd, start)
}

const newline = 10

function startOfLastLine(fd: number, from: number, size: number): number {
  const chunk = Buffer.alloc(64 * 1024)
  for (let end = size; end > from;) {
    const start = Math.max(from, end - chunk.length)
    const found = chunk.subarray(0, readSync(fd, chunk, 0, end - start, start)).lastIndexOf(newline)
    if (found !== -1) return start + found + 1
    end = start
  }
  return from
}

/** Only whether it is some: what it means does not matter. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
