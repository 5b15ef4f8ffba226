/**
 * JSON.parse, without a fault of the engine: V8 from 12.8 on (Node 24 to 26) takes a key that has an escape for another one that it met
 * before, where that one is what the key's text begins with. Behind `{"a\\":1}`, `{"a\n":1}` has a field `a\`.
 *
 * https://github.com/nodejs/node/issues/63785
 */
import { setField, type ValueMap } from './kinds.ts'
import type { Value } from './types.ts'

/** No later version without it is known. It is not tried out, for what an engine has met before decides whether the fault shows. */
const confusesKeys = isFrom(process.versions.v8, 12, 5)

/** @throws {SyntaxError} the engine's own, whose message quotes the text */
export function parseText(text: string): unknown {
  return confusesKeys && text.includes('\\') ? parseEscapedKeys(text) : JSON.parse(text)
}

/** The same on any engine: where a key has an escape, all keys have other names while the engine parses the text. */
export function parseEscapedKeys(text: string): unknown {
  const names: string[] = []
  let value: unknown
  try {
    if (!hasEscapedKey(text)) return JSON.parse(text)
    value = JSON.parse(renameKeys(text, names))
  } catch {
    // The places in the error are to be the text's own.
    return JSON.parse(text)
  }
  return nameAsBefore(value, names)
}

function hasEscapedKey(text: string): boolean {
  for (const key of keysOf(text)) if (key.isEscaped) return true
  return false
}

/** @throws {SyntaxError} where a key is no JSON */
function renameKeys(text: string, names: string[]): string {
  let renamed = ''
  let copied = 0
  for (const { start, end } of keysOf(text)) {
    renamed += `${text.slice(copied, start)}"${prefix}${names.length}"`
    copied = end
    // A text alone is no key, and taken for no other.
    names.push(JSON.parse(text.slice(start, end)) as string)
  }
  return renamed + text.slice(copied)
}

interface Key {
  /** Where its quotes are, and behind them. */
  readonly start: number
  readonly end: number
  readonly isEscaped: boolean
}

function* keysOf(text: string): Generator<Key, void, undefined> {
  let escape = text.indexOf('\\')
  for (let start = text.indexOf('"'); start !== -1;) {
    const end = endOfString(text, start, escape)
    const isEscaped = escape !== -1 && escape < end
    if (isKey(text, end)) yield { start, end, isEscaped }
    if (isEscaped) escape = text.indexOf('\\', end)
    start = text.indexOf('"', end)
  }
}

/** Fields whose names are whole numbers would not stay where they are. */
const prefix = 'k'

/** @param escape where the first backslash is that is not before the string, if there is one */
function endOfString(text: string, start: number, escape: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    if (escape === -1 || end < escape) return end + 1
    let before = end - 1
    while (text.charCodeAt(before) === backslash) before--
    if ((end - before) % 2 === 1) return end + 1
  }
  return text.length
}

const backslash = 92

function isKey(text: string, end: number): boolean {
  let at = end
  while (isSpace(text.charCodeAt(at))) at++
  return text[at] === ':'
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9
}

/** Of fields with one name the last one stays, where the first one was. */
function nameAsBefore(root: unknown, names: readonly string[]): unknown {
  const top = [root as Value]
  const left: (Value[] | ValueMap)[] = [top]
  for (let holder = left.pop(); holder !== undefined; holder = left.pop()) {
    for (const [key, value] of Object.entries(holder)) {
      if (typeof value !== 'object' || value === null) continue
      const named = Array.isArray(value) ? value : withNames(value as ValueMap, names)
      if (named !== value) setField(holder as ValueMap, key, named)
      left.push(named)
    }
  }
  return top[0]
}

function withNames(map: ValueMap, names: readonly string[]): ValueMap {
  const named: ValueMap = {}
  for (const [key, value] of Object.entries(map)) setField(named, names[Number(key.slice(prefix.length))]!, value)
  return named
}

function isFrom(version: string | undefined, major: number, minor: number): boolean {
  const [first = 0, second = 0] = (version ?? '').split('.').map(Number)
  return first > major || (first === major && second >= minor)
}
