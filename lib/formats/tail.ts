/** Reads the end of an NDJSON export without the rest, for what stands there. */
import { open } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { parseJson } from '../values/index.ts'
import { parseControl } from './document-line.ts'
import type { Summary } from './document-line.ts'

/** How much of the end of a file is looked at: most trailers are short, and one with the sums of hundreds of collections is long. */
const tailBytes = [256 << 10, 16 << 20] as const

/** Longest trailer of a compressed file. */
const maxTrailerBytes = 32 << 20

const maxTries = 16

/** @returns as `readTail` */
export async function readSummary(
  path: string,
  { size, gzip }: { readonly size: number; readonly gzip: boolean }
): Promise<Summary | undefined> {
  const file = await open(path, 'r')
  try {
    let before = 0
    for (const most of tailBytes) {
      const length = Math.min(size, most)
      if (length === before) break
      const buffer = Buffer.alloc(length)
      const { bytesRead } = await file.read(buffer, 0, length, size - length)
      const tail = buffer.subarray(0, bytesRead)
      const summary = readTail(tail, { gzip })
      // Of a plain file it is enough to have seen the last line.
      if (summary || (!gzip && tail.lastIndexOf('\n', length - 2) !== -1)) return summary
      before = length
    }
    return undefined
  } finally {
    await file.close()
  }
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
  // Most of what is no export is found out without parsing it.
  if (!isControl(text, start)) return undefined
  try {
    const control = parseControl(parseJson(text.toString('utf8', start, end)))
    return control && 'end' in control ? control.end : undefined
  } catch {
    // No control line: the file is no whole export, and reading it says what is wrong.
    return undefined
  }
}

function lastMember(tail: Buffer): Buffer | undefined {
  let at = tail.length
  for (let tries = 0; tries < maxTries && at > 0; tries++) {
    at = tail.lastIndexOf(Buffer.from([0x1f, 0x8b, 0x08]), at - 1)
    if (at === -1) return undefined
    try {
      return gunzipSync(tail.subarray(at), { maxOutputLength: maxTrailerBytes })
    } catch {
      // These three bytes stand inside compressed data and begin no member; look further in front.
    }
  }
  return undefined
}

function isControl(text: Buffer, start: number): boolean {
  return /^\s*\{\s*"\$end"/.test(text.toString('latin1', start, start + 64))
}
