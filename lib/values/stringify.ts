/** Values to JSON text: the inverse of `parseJson`. Documents that JSON.stringify writes right go straight to it. */
import type { OnConversion } from '../types.ts'
import { looksLikeEnvelope, toEnvelope } from './envelope.ts'
import { kindOf, maxDepth, tooDeep, type ValueKind, type ValueMap } from './kinds.ts'
import { bigintText, doubleText } from './numbers.ts'
import { pathText } from './paths.ts'
import { Decimal, Double, type Value } from './types.ts'

/** What stands in JSON as it is, or nearly. */
export type Scalar = string | number | bigint | Double | Decimal

/** How a database's JSON differs from a file's, which holds every text and every digit. */
export interface JsonStyle {
  /** Whether a text or a number can't stand there as it is: it gets an envelope. May throw. */
  readonly isUnfit?: (value: Scalar, path: readonly (string | number)[]) => boolean
  /** Whether a number comes back as an equal one of another kind. */
  readonly isMerged?: (value: Scalar) => boolean
  /** The name under which a field is written. At depth 0 it is a field of the document itself. May throw. */
  readonly nameOf?: (name: string, depth: number, path: readonly (string | number)[]) => string
  /** Write maps that look like envelopes as they are. */
  readonly bareMaps?: boolean
  readonly onConversion?: OnConversion | undefined
}

/**
 * bigint, Decimal and Double as plain digits, other special values as envelopes, a map that looks like an envelope escaped. Fields that are
 * undefined are left out.
 *
 * @throws {DocferryError} DOCFERRY_TOO_DEEP, or DOCFERRY_BAD_VALUE for what is no value
 */
export function stringifyJson(value: Value, style: JsonStyle = {}): string {
  return isOrdinary(value) ? JSON.stringify(value) : stringifySpecial(value, style)
}

/** The same for what `isOrdinary` does not vouch for, or where names have to be looked at. */
export function stringifySpecial(value: Value, style: JsonStyle): string {
  return new JsonWriter(style).write(value, 0)
}

/** Whether JSON.stringify writes a value right; texts with half a surrogate pair are (as an escape). */
export function isOrdinary(value: Value): boolean {
  return ordinaryLength(value) !== notOrdinary
}

/** The value is not ordinary: its text is made by `stringifySpecial`. */
export const notOrdinary = -1

/** How many characters of a value that `isOrdinary` JSON.stringify writes, about: less by what it escapes, and by digits. `notOrdinary` for any other. */
export function ordinaryLength(value: Value): number {
  return lengthAt(value, 0)
}

/** Of a number, `true` and `null`. */
const shortLength = 5
const smallestNormal = 2.2250738585072014e-308

function lengthAt(value: Value | undefined, depth: number): number {
  switch (typeof value) {
    case 'string':
      return value.length + 3
    case 'boolean':
      return shortLength
    case 'number':
      return isOrdinaryNumber(value) ? shortLength : notOrdinary
    case 'object':
      break
    default:
      return notOrdinary
  }
  if (value === null) return shortLength
  if (depth > maxDepth) return notOrdinary
  let total = 2
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const length = lengthAt(value[index], depth + 1)
      if (length === notOrdinary) return notOrdinary
      total += length
    }
    return total
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return notOrdinary
  const map = value as ValueMap
  for (const key in map) {
    if (key.charCodeAt(0) === 36) return notOrdinary
    const field = map[key]
    if (field === undefined) continue
    const length = lengthAt(field, depth + 1)
    if (length === notOrdinary) return notOrdinary
    total += key.length + 3 + length
  }
  return total
}

export function isOrdinaryNumber(value: number): boolean {
  if (Number.isInteger(value)) return Number.isSafeInteger(value) && !Object.is(value, -0)
  return Number.isFinite(value) && (value >= smallestNormal || value <= -smallestNormal)
}

class JsonWriter {
  readonly #style: JsonStyle
  readonly #path: (string | number)[] = []
  /** Inside an envelope, whose parts are not conversions of their own. */
  #inEnvelope = 0

  constructor(style: JsonStyle) {
    this.#style = style
  }

  write(value: Value, depth: number): string {
    switch (typeof value) {
      case 'string':
        return this.#style.isUnfit?.(value, this.#path) ? this.#envelope('string', value, depth) : writeString(value)
      case 'number':
        return this.#number('number', value, depth)
      case 'bigint':
        return this.#number('bigint', value, depth)
      case 'boolean':
        return String(value)
      default:
        return this.#object(value, depth)
    }
  }

  #object(value: Value, depth: number): string {
    const kind = kindOf(value)
    switch (kind) {
      case 'null':
        return 'null'
      case 'double':
        return this.#number(kind, value as Double, depth)
      case 'decimal':
        return this.#number(kind, value as Decimal, depth)
      case 'array':
        return this.#array(value as Value[], depth)
      case 'map':
        return this.#userMap(value as ValueMap, depth)
      default:
        return this.#envelope(kind, value, depth)
    }
  }

  #number(kind: ValueKind, value: number | bigint | Double | Decimal, depth: number): string {
    const { isUnfit, isMerged } = this.#style
    const double = value instanceof Double ? value.value : value
    if (isUnfit?.(value, this.#path) || (typeof double === 'number' && !Number.isFinite(double))) return this.#envelope(kind, value, depth)
    if (isMerged?.(value)) this.#tell(kind, 'merged')
    if (typeof value === 'number' && Number.isSafeInteger(value)) return Object.is(value, -0) ? '-0' : String(value)
    if (typeof double === 'number') return doubleText(double)
    return value instanceof Decimal ? value.digits : bigintText(value as bigint)
  }

  #envelope(kind: ValueKind, value: Value, depth: number): string {
    this.#tell(kind, 'enveloped')
    this.#inEnvelope++
    const text = this.#map(toEnvelope(value), depth, false)
    this.#inEnvelope--
    return text
  }

  #userMap(map: ValueMap, depth: number): string {
    if (!looksLikeEnvelope(map)) return this.#map(map, depth, true)
    if (this.#style.bareMaps) {
      this.#tell('map', 'lossy')
      return this.#map(map, depth, true)
    }
    this.#tell('map', 'enveloped')
    return `{"$literal":${this.#map(map, depth, true)}}`
  }

  /** @param own whether the names are a user's, and not those of an envelope */
  #map(map: ValueMap, depth: number, own: boolean): string {
    if (depth > maxDepth) throw tooDeep()
    const { nameOf } = this.#style
    let text = ''
    for (const key in map) {
      const field = map[key]
      if (field === undefined) continue
      this.#path.push(key)
      let name = key
      if (own && nameOf && (name = nameOf(key, depth, this.#path)) !== key) this.#style.onConversion?.('name', 'escaped', this.#here)
      text += `${text === '' ? '{' : ','}${writeString(name)}:${this.write(field, depth + 1)}`
      this.#path.pop()
    }
    return text === '' ? '{}' : `${text}}`
  }

  #array(elements: readonly Value[], depth: number): string {
    if (depth > maxDepth) throw tooDeep()
    let text = ''
    for (let index = 0; index < elements.length; index++) {
      this.#path.push(index)
      text += `${index === 0 ? '[' : ','}${this.write(elements[index]!, depth + 1)}`
      this.#path.pop()
    }
    return text === '' ? '[]' : `${text}]`
  }

  readonly #here = (): string => pathText(this.#path)

  #tell(kind: ValueKind, conversion: 'merged' | 'enveloped' | 'lossy'): void {
    if (this.#inEnvelope === 0) this.#style.onConversion?.(kind, conversion, this.#here)
  }
}

/** JSON.stringify for a string of its own costs more than all the rest, so it only gets those that need it. */
function writeString(text: string): string {
  return text.length < 100 && !needsEscape.test(text) ? `"${text}"` : JSON.stringify(text)
}

const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/
