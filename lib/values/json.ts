/**
 * JSON text to values and back, without loss, at little more than the price of JSON.parse and JSON.stringify: a cheap look tells
 * whether a text (or a document) holds anything that those two get wrong, and ordinary ones go straight to them.
 */
import { decodeEnvelopeMap, looksLikeEnvelope, toEnvelope } from './envelope.ts'
import { isMap, kindOf, maxDepth, setField, tooDeep, type ValueMap } from './kinds.ts'
import { doubleText } from './numbers.ts'
import { findSpecialNumbers, firstUnsafe, type SpecialNumber } from './special-numbers.ts'
import type { Decimal, Double, Value } from './types.ts'

/**
 * Numbers by the rules of `numberFromText`; envelopes are decoded.
 *
 * @throws {SyntaxError} when the text is not JSON; the message holds nothing of the text
 * @throws {DocferryError} DOCFERRY_TOO_DEEP, only where there is something to decode
 */
export function parseJson(text: string): Value {
  const numbers = findSpecialNumbers(text)
  if (numbers !== undefined) return parseWithNumbers(text, numbers)
  const value = parseText(text, text)
  return mayHoldEnvelope(text) ? revive(value, [], 0) : value
}

/**
 * The inverse of `parseJson`: bigint, Decimal and Double as plain digits, other special values as envelopes, a map that looks like an
 * envelope escaped. Fields that are undefined are left out.
 *
 * @throws {DocferryError} DOCFERRY_TOO_DEEP, or DOCFERRY_BAD_VALUE for what is no value
 */
export function stringifyJson(value: Value): string {
  return isOrdinary(value, 0) ? JSON.stringify(value) : write(value, 0)
}

// --- reading

/**
 * Each number that JSON.parse would change is replaced by a placeholder: an integer past 2^53, of which none is left otherwise, because
 * every number of that size is replaced too.
 */
function parseWithNumbers(text: string, numbers: readonly SpecialNumber[]): Value {
  let rewritten = ''
  let copied = 0
  for (let index = 0; index < numbers.length; index++) {
    const { start, end } = numbers[index]!
    rewritten += text.slice(copied, start) + String(firstUnsafe + 2 * index)
    copied = end
  }
  return revive(parseText(rewritten + text.slice(copied), text), numbers, 0)
}

/** The engine's own message quotes the text, which may hold secrets; only the place is taken from it. */
function parseText(text: string, original: string): Value {
  try {
    return JSON.parse(text) as Value
  } catch (error) {
    if (text !== original) return parseText(original, original)
    const place = / at position \d+/.exec(String(error))
    throw new SyntaxError(`not valid JSON${place?.[0] ?? ''}`)
  }
}

/** Put the numbers back where their placeholders are, and decode envelopes; in place, on what JSON.parse has just made. */
function revive(value: Value, numbers: readonly SpecialNumber[], depth: number): Value {
  if (typeof value === 'number') return value >= firstUnsafe ? (numbers[(value - firstUnsafe) / 2]?.value ?? value) : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    if (depth > maxDepth) throw tooDeep()
    for (let index = 0; index < value.length; index++) value[index] = revive(value[index]!, numbers, depth + 1)
    return value
  }
  const map = value as ValueMap
  reviveFields(map, numbers, depth)
  return decodeEnvelopeMap(map)
}

function reviveFields(map: ValueMap, numbers: readonly SpecialNumber[], depth: number): void {
  if (depth > maxDepth) throw tooDeep()
  for (const key in map) {
    const field = map[key]!
    if (typeof field === 'string') continue
    if (key === '$literal' && isMap(field)) reviveFields(field, numbers, depth + 1)
    else setField(map, key, revive(field, numbers, depth + 1))
  }
}

/** Whether a key may begin with `$`: a quick look that may be mistaken, but only towards yes. */
function mayHoldEnvelope(text: string): boolean {
  for (let at = text.indexOf('$'); at !== -1; at = text.indexOf('$', at + 1)) {
    if (text.charCodeAt(at - 1) === quote && text.charCodeAt(at - 2) !== backslash) return true
  }
  return text.includes('u0024')
}

const quote = 34
const backslash = 92

// --- writing

/** Whether JSON.stringify writes this value right. */
function isOrdinary(value: Value | undefined, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return value === 0 ? 1 / value > 0 : Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value))
    case 'object':
      break
    default:
      return false
  }
  if (value === null) return true
  if (depth > maxDepth) return false
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) if (!isOrdinary(value[index], depth + 1)) return false
    return true
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  const map = value as ValueMap
  for (const key in map) {
    if (key.charCodeAt(0) === 36) return false
    const field = map[key]
    if (field !== undefined && !isOrdinary(field, depth + 1)) return false
  }
  return true
}

function write(value: Value, depth: number): string {
  switch (typeof value) {
    case 'string':
      return writeString(value)
    case 'number':
      return writeNumber(value)
    case 'bigint':
    case 'boolean':
      return String(value)
    default:
      return writeObject(value, depth)
  }
}

function writeObject(value: Value, depth: number): string {
  switch (kindOf(value)) {
    case 'null':
      return 'null'
    case 'double':
      return writeDouble((value as Double).value)
    case 'decimal':
      return (value as Decimal).digits
    case 'array':
      return writeArray(value as Value[], depth)
    case 'map': {
      const text = writeMap(value as ValueMap, depth)
      return looksLikeEnvelope(value as ValueMap) ? `{"$literal":${text}}` : text
    }
    default:
      return writeMap(toEnvelope(value), depth)
  }
}

function writeMap(map: ValueMap, depth: number): string {
  if (depth > maxDepth) throw tooDeep()
  let text = ''
  for (const key in map) {
    const field = map[key]
    if (field !== undefined) text += `${text === '' ? '{' : ','}${writeString(key)}:${write(field, depth + 1)}`
  }
  return text === '' ? '{}' : `${text}}`
}

function writeArray(elements: readonly Value[], depth: number): string {
  if (depth > maxDepth) throw tooDeep()
  let text = ''
  for (let index = 0; index < elements.length; index++) text += `${index === 0 ? '[' : ','}${write(elements[index]!, depth + 1)}`
  return text === '' ? '[]' : `${text}]`
}

/** JSON.stringify for a string of its own costs more than all the rest, so it only gets those that need it. */
function writeString(text: string): string {
  return text.length < 100 && !needsEscape.test(text) ? `"${text}"` : JSON.stringify(text)
}

const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/

function writeNumber(value: number): string {
  if (Object.is(value, -0)) return '-0'
  return Number.isSafeInteger(value) ? String(value) : writeDouble(value)
}

function writeDouble(value: number): string {
  return Number.isFinite(value) ? doubleText(value) : `{"$numberDouble":"${value}"}`
}
