/** Reads the end of an NDJSON export without the rest, for the counts that stand there. */
import { gunzipSync } from 'node:zlib'
import { parseJson } from '../values/index.ts'
import { parseControl } from './document-line.ts'
import type { Summary } from './document-line.ts'

/** So many bytes from the end of a file are worth looking at. */
export const tailBytes = 256 << 10

const maxTries = 16

/**
 * @param tail the last bytes of the file as they are stored, at most `tailBytes`
 * @returns undefined where the end is not there or is not to be seen from here: only reading the whole tells why
 */
export function readTail(tail: Buffer, { gzip }: { readonly gzip: boolean }): Summary | undefined {
  const text = gzip ? lastMember(tail) : tail
  if (!text) return undefined
  const end = text.lastIndexOf('\n')
  if (end !== text.length - 1) return undefined
  const start = text.lastIndexOf('\n', end - 1) + 1
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
      return gunzipSync(tail.subarray(at), { maxOutputLength: 16 << 20 })
    } catch {
      // These three bytes stand inside compressed data and begin no member; look further in front.
    }
  }
  return undefined
}
