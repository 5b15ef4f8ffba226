/**
 * JSON as CouchDB reads and writes it, through PouchDB, which keeps doubles only: a number that a double or JSON.stringify would
 * change (1.0, integers past 2^53), and the key `__proto__`, travel through the store as marked strings and come out as they were.
 */

export interface JsonObject {
  [key: string]: unknown
}

const mark = '\ue000'
const token = /"[^"\\]*(?:\\[^][^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const marked = /"\ue000(?:n:([^"]*)|k)"/g
const escapedSurrogate = /\\u[dD][89a-fA-F]/
const loneSurrogate = /\p{Surrogate}/u

/** @throws {SyntaxError} also for what the real one refuses: a number past the doubles, half a surrogate pair */
export function parseBody(text: string): unknown {
  return JSON.parse(text.replace(token, keepToken))
}

function keepToken(text: string): string {
  if (text.startsWith('"')) {
    if (text === '"__proto__"') return `"${mark}k"`
    if (escapedSurrogate.test(text) && loneSurrogate.test(JSON.parse(text) as string)) throw new SyntaxError('half a surrogate pair')
    return text
  }
  if (/^-?\d+$/.test(text)) {
    // The real one holds integers of any length, and knows no negative zero.
    if (Number.isSafeInteger(Number(text))) return text === '-0' ? '0' : text
    return `"${mark}n:${text}"`
  }
  const double = Number(text)
  if (!Number.isFinite(double)) throw new SyntaxError('a number past the doubles')
  const shortest = String(double)
  return /^-?\d+$/.test(shortest) ? `"${mark}n:${shortest}.0"` : shortest
}

export function stringifyBody(value: unknown): string {
  return restoreMarks(JSON.stringify(value))
}

/** Marked strings in JSON text become again what they stand for. */
export function restoreMarks(text: string): string {
  if (!text.includes(mark)) return text
  return text.replace(marked, (_whole, number: string | undefined) => number ?? '"__proto__"')
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The key as its author wrote it, for messages. */
export function plainKey(key: string): string {
  return key === `${mark}k` ? '__proto__' : key
}
