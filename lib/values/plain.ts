/** `--types plain`: values as a person would write them in JSON, without envelopes. */
import { asBuffer } from './envelope-content.ts'
import type { OnConversion } from '../types.ts'
import { looksLikeEnvelope } from './envelope.ts'
import { isMap, kindOf, maxDepth, notAValue, setField, tooDeep, type ValueMap } from './kinds.ts'
import { pathText } from './paths.ts'
import type { Decimal, Document, Double, GeoPoint, Reference, Timestamp, Value, ValueSet, Vector } from './types.ts'

/**
 * The plain form of a value that is not one of JSON's own, one level deep: what is inside are values still. A date becomes ISO 8601 text,
 * bytes become base64, a point a map of `latitude` and `longitude`, a reference its path, a vector and a set arrays, `1.0` becomes 1, and
 * any other number (which the target's own numbers can't hold: that is when to ask) its digits as text, `NaN` and `Infinity` too. An array
 * (inside an array, where the target refuses that) becomes a map of its indexes.
 */
export function toPlain(value: Value): Value {
  switch (kindOf(value)) {
    case 'timestamp':
      return (value as Timestamp).toISOString()
    case 'bytes':
      return asBuffer(value as Uint8Array).toString('base64')
    case 'geoPoint':
      return { latitude: (value as GeoPoint).latitude, longitude: (value as GeoPoint).longitude }
    case 'reference':
      return (value as Reference).path
    case 'vector':
      return [...(value as Vector).values]
    case 'set':
      return [...(value as ValueSet).members]
    case 'double':
      return (value as Double).value + 0
    case 'number':
      return Object.is(value, -0) ? 0 : String(value)
    case 'bigint':
    case 'decimal':
      return String(value)
    case 'array':
      return { ...(value as Value[]) }
    default:
      throw notAValue(value)
  }
}

export interface PlainOptions {
  /** Whether the target's own numbers hold this one. Default: all that are finite. */
  readonly fits?: (value: number | bigint | Decimal) => boolean
  readonly onConversion?: OnConversion | undefined
}

/**
 * A copy of a document in which every value is plain.
 *
 * @throws {DocferryError} DOCFERRY_TOO_DEEP, DOCFERRY_BAD_VALUE
 */
export function plainDocument(document: Document, { fits = isFinite, onConversion }: PlainOptions): Document {
  const path: (string | number)[] = []
  const here = (): string => pathText(path)
  return convert(document, 0) as Document

  function convert(value: Value, depth: number): Value {
    if (depth > maxDepth) throw tooDeep()
    const kind = kindOf(value)
    switch (kind) {
      case 'null':
      case 'boolean':
      case 'string':
        return value
      case 'array':
        return convertAll(value as Value[], depth)
      case 'map':
        if (looksLikeEnvelope(value as ValueMap)) onConversion?.(kind, 'lossy', here)
        return convertFields(value as ValueMap, depth)
      case 'double':
        onConversion?.(kind, 'merged', here)
        return toPlain(value)
      case 'number':
      case 'bigint':
      case 'decimal':
        if (Object.is(value, -0)) onConversion?.(kind, 'merged', here)
        else if (isLargeInteger(value) && fits(BigInt(value))) return BigInt(value)
        else if (fits(value as number | bigint | Decimal)) return value
        else onConversion?.(kind, 'lossy', here)
        return toPlain(value)
      default:
        onConversion?.(kind, 'lossy', here)
        return convertMembers(toPlain(value))
    }
  }

  function convertFields(map: ValueMap, depth: number): ValueMap {
    const copy: ValueMap = {}
    for (const key of Object.keys(map)) {
      const field = map[key]
      if (field === undefined) continue
      path.push(key)
      setField(copy, key, convert(field, depth + 1))
      path.pop()
    }
    return copy
  }

  function convertAll(elements: readonly Value[], depth: number): Value[] {
    return elements.map((element, index) => {
      path.push(index)
      const converted = convert(element, depth + 1)
      path.pop()
      return converted
    })
  }

  /** Numbers in a vector, a point or a set, which were counted as one value. */
  function convertMembers(value: Value): Value {
    if (Array.isArray(value)) return value.map(convertMembers)
    if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, convertMembers(member)]))
    const kind = kindOf(value)
    if (kind === 'number' || kind === 'bigint' || kind === 'decimal')
      return fits(value as number) && !Object.is(value, -0) ? value : toPlain(value)
    return kind === 'bytes' ? toPlain(value) : value
  }
}

/** One that people write without a point or an exponent. */
function isLargeInteger(value: Value): value is number {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21
}

function isFinite(value: number | bigint | Decimal): boolean {
  return typeof value !== 'number' || Number.isFinite(value)
}
