/** Tells a JSON list, and JSON that goes over several lines, from NDJSON by its beginning: read as NDJSON, each of its lines would be a document that is none. */
import { JsonSyntax } from './json-syntax.ts'

/** What the text is: a list, an export (its first member is `metadata` or `data`), or another map. */
export type OverLines = 'list' | 'export' | 'map'

/** More of a beginning says nothing new. */
const lookedAtBytes = 64 << 10
/** Where a line of NDJSON was cut, the next one may look as if it went on with it; so many in turn do not. */
const linesToTell = 4

const newline = 0x0a

/**
 * @param isAll whether the bytes are the whole input
 * @returns undefined where it may be NDJSON, `more` where more of it would tell
 */
export function jsonOverLines(bytes: Buffer, isAll: boolean): OverLines | 'more' | undefined {
  const text = bytes.subarray(0, lookedAtBytes)
  const kind = kindOf(text.toString('latin1', 0, 4096))
  if (kind === undefined) return undefined
  const syntax = new JsonSyntax()
  let begun = 0
  for (let at = 0; at < text.length && begun < linesToTell;) {
    const lineEnd = text.indexOf(newline, at)
    const line = text.subarray(at, lineEnd === -1 ? text.length : lineEnd + 1)
    for (let from = 0; from < line.length;) {
      from = syntax.find(line, from)
      if (syntax.found === 'wrong') return undefined
    }
    at += line.length
    if (isBlank(line)) continue
    // A long first line may be a document, but none is a list.
    if (begun === 0 && lineEnd === -1) return kind === 'list' ? kind : undefined
    if (begun === 0 && syntax.isWhole) return kind === 'list' && isAll && isBlank(text.subarray(at)) ? kind : undefined
    begun++
  }
  return begun < linesToTell && !isAll && bytes.length < lookedAtBytes ? 'more' : kind
}

function kindOf(text: string): OverLines | undefined {
  if (/^\s*\[/.test(text)) return 'list'
  if (/^\s*\{\s*"(?:metadata|data)"\s*:/.test(text)) return 'export'
  return /^\s*\{/.test(text) ? 'map' : undefined
}

function isBlank(text: Buffer): boolean {
  return text.toString('latin1').trim() === ''
}
