/**
 * Envelopes: maps with one `$` key that stand for values which JSON, or a database, has no type for. Named as in MongoDB Extended JSON
 * where it has a name; what MongoDB's own tools write is read.
 *
 * A map that has the right key but not the right content (`{"$date":"soon"}`) is no envelope and stays what it is. A user's own map that
 * would be read as an envelope is written inside `{"$literal":{...}}`.
 */
import { asBuffer, openEnvelope } from './envelope-content.ts'
import { isMap, kindOf, maxDepth, notAValue, setField, tooDeep, type ValueMap } from './kinds.ts'
import { escapeText } from './names.ts'
import { bigintText, doubleText } from './numbers.ts'
import type { Decimal, Double, GeoPoint, Reference, Timestamp, Value, ValueSet, Vector } from './types.ts'
import { isWellFormed } from './text.ts'

/**
 * The envelope of a value, one level deep: what is inside (the members of a set, the elements of an array, a NaN in a vector) are values
 * still, which the caller writes as it writes any value. The map itself must not be escaped.
 */
export function toEnvelope(value: Value): ValueMap {
  switch (kindOf(value)) {
    case 'bigint':
      return { $numberLong: bigintText(value as bigint) }
    case 'number':
      return { $numberDouble: Object.is(value, -0) ? '-0' : numberEnvelopeText(value as number) }
    case 'double':
      return { $numberDouble: numberEnvelopeText((value as Double).value) }
    case 'decimal':
      return { $numberDecimal: (value as Decimal).digits }
    case 'bytes':
      return { $binary: { base64: asBuffer(value as Uint8Array).toString('base64'), subType: '00' } }
    case 'timestamp':
      return { $date: (value as Timestamp).toISOString() }
    case 'geoPoint':
      return { $geoPoint: [(value as GeoPoint).latitude, (value as GeoPoint).longitude] }
    case 'reference':
      return { $reference: (value as Reference).path }
    case 'vector':
      return { $vector: [...(value as Vector).values] }
    case 'set':
      return { $set: [...(value as ValueSet).members] }
    case 'array':
      return { $array: value }
    case 'string':
      return { $string: escapeText(value as string) }
    default:
      throw notAValue(value)
  }
}

/** Whether a user's own map would be read back as an envelope, whichever target holds it, so that it must be written by `escapeMap`. */
export function looksLikeEnvelope(map: ValueMap): boolean {
  for (let current = map; ;) {
    const key = soleKey(current)
    if (key === undefined) return false
    const inner = current[key]!
    if (key !== '$literal') return openEnvelope(key, inner) !== undefined
    if (!isMap(inner)) return mayBeEnveloped(inner)
    current = inner
  }
}

/** The fields of `map` are values still, which the caller writes as it writes any; the map itself must not be escaped again. */
export function escapeMap(map: ValueMap): ValueMap {
  return { $literal: map }
}

/**
 * Decode deeply. Nothing is changed in place; where nothing was to decode the same object comes back.
 *
 * @throws {DocferryError} DOCFERRY_TOO_DEEP
 */
export function decodeEnvelopes(value: Value): Value {
  return decode(value, 0)
}

/**
 * Decode one map whose fields are decoded already; comes back as it is when it is no envelope.
 *
 * A map that is the value of a field `$literal` is the exception: hand it with its own fields decoded, but not decoded itself. Only the
 * whole tells whether it is a user's own. (Where that is awkward: build the whole, and call `decodeEnvelopes` if any key began with `$`.)
 */
export function decodeEnvelopeMap(map: ValueMap): Value {
  const literal = map.$literal
  if (literal !== undefined) return decodeLiteralField(map, literal)
  const key = soleKey(map)
  return key === undefined ? map : (openEnvelope(key, map[key]!) ?? map)
}

function decodeLiteralField(map: ValueMap, literal: Value): Value {
  if (!isMap(literal)) return map
  if (soleKey(map) === undefined) {
    map.$literal = decodeEnvelopeMap(literal)
    return map
  }
  if (isMap(literal.$literal)) literal.$literal = decodeEnvelopeMap(literal.$literal)
  return looksLikeEnvelope(literal) ? literal : map
}

function decode(value: Value, depth: number): Value {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return decodeElements(value, depth)
  return isMap(value) ? decodeMap(value, depth) : value
}

function decodeMap(map: ValueMap, depth: number): Value {
  if (depth > maxDepth) throw tooDeep()
  const key = soleKey(map)
  if (key === undefined) return decodeFields(map, depth)
  const inner = map[key]!
  if (key !== '$literal' || !isMap(inner)) {
    const decoded = decodeFields(map, depth)
    return openEnvelope(key, decoded[key]!) ?? decoded
  }
  const fields = decodeFields(inner, depth + 1)
  if (looksLikeEnvelope(fields)) return fields
  return fields === inner ? map : { $literal: fields }
}

function decodeFields(map: ValueMap, depth: number): ValueMap {
  let copy: ValueMap | undefined
  for (const key of Object.keys(map)) {
    const field = map[key]!
    const decoded = decode(field, depth + 1)
    if (Object.is(decoded, field)) continue
    copy ??= { ...map }
    setField(copy, key, decoded)
  }
  return copy ?? map
}

function decodeElements(elements: Value[], depth: number): Value[] {
  if (depth > maxDepth) throw tooDeep()
  let copy: Value[] | undefined
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index]!
    const decoded = decode(element, depth + 1)
    if (Object.is(decoded, element)) continue
    copy ??= [...elements]
    copy[index] = decoded
  }
  return copy ?? elements
}

/** The only key of a map, if it begins with `$`. */
function soleKey(map: ValueMap): string | undefined {
  let found: string | undefined
  for (const key in map) {
    if (map[key] === undefined) continue
    if (found !== undefined || key.charCodeAt(0) !== 36) return undefined
    found = key
  }
  return found
}

/** Whether some target holds this value as a map although it is none. */
function mayBeEnveloped(value: Value): boolean {
  if (value === null || typeof value === 'boolean') return false
  if (typeof value === 'string') return !isWellFormed(value)
  // Any number: 1.0 may come back as 1, and what was escaped for it must still look it.
  return !(Array.isArray(value) || isMap(value))
}

function numberEnvelopeText(value: number): string {
  return Number.isFinite(value) ? doubleText(value) : String(value)
}
