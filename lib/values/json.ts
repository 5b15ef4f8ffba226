/**
 * JSON text to values, without loss, at little more than the price of JSON.parse: a cheap look tells whether a text holds anything that
 * it gets wrong, and ordinary ones go straight to it.
 */
import { decodeEnvelopeMap } from './envelope.ts'
import { isMap, maxDepth, setField, tooDeep, type ValueMap } from './kinds.ts'
import { parseText } from './parse-text.ts'
import { findSpecial, firstUnsafe, type Special } from './special-numbers.ts'
import type { Value } from './types.ts'

/**
 * Numbers by the rules of `numberFromText`; envelopes are decoded.
 *
 * @throws {SyntaxError} when the text is not JSON; the message holds nothing of the text
 * @throws {DocferryError} DOCFERRY_TOO_DEEP, only where there is something to decode
 */
export function parseJson(text: string): Value {
  const special = findSpecial(text)
  if (special === undefined) return parsePlain(text, text)
  return revive(parsePlain(withPlaceholders(text, special), text), special, 0)
}

/**
 * Each number that JSON.parse would change is replaced by an integer past 2^53, of which none is left otherwise, because every number of
 * that size is replaced too.
 */
function withPlaceholders(text: string, { numbers }: Special): string {
  let rewritten = ''
  let copied = 0
  for (let index = 0; index < numbers.length; index++) {
    const { start, end } = numbers[index]!
    rewritten += text.slice(copied, start) + String(firstUnsafe + 2 * index)
    copied = end
  }
  return copied === 0 ? text : rewritten + text.slice(copied)
}

/** The engine's own message quotes the text, which may hold secrets; only the place is taken from it. */
function parsePlain(text: string, original: string): Value {
  try {
    return parseText(text) as Value
  } catch (error) {
    if (text !== original) return parsePlain(original, original)
    const place = / at position \d+/.exec(String(error))
    throw new SyntaxError(`not valid JSON${place?.[0] ?? ''}`)
  }
}

/** Put the numbers back where their placeholders are, and decode envelopes; in place, on what JSON.parse has just made. */
function revive(value: Value, special: Special, depth: number): Value {
  if (typeof value === 'number') return value >= firstUnsafe ? (special.numbers[(value - firstUnsafe) / 2]?.value ?? value) : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    if (depth > maxDepth) throw tooDeep()
    for (let index = 0; index < value.length; index++) value[index] = revive(value[index]!, special, depth + 1)
    return value
  }
  const map = value as ValueMap
  reviveFields(map, special, depth)
  return special.envelopes ? decodeEnvelopeMap(map) : map
}

function reviveFields(map: ValueMap, special: Special, depth: number): void {
  if (depth > maxDepth) throw tooDeep()
  for (const key in map) {
    const field = map[key]!
    if (typeof field === 'string') continue
    if (key === '$literal' && isMap(field)) {
      reviveFields(field, special, depth + 1)
      continue
    }
    const revived = revive(field, special, depth + 1)
    if (revived !== field) setField(map, key, revived)
  }
}
