import { DocferryError } from '../errors.ts'
import { Decimal, Double, GeoPoint, Reference, Timestamp, ValueSet, Vector, type Value } from './types.ts'

export type ValueKind = (typeof valueKinds)[number]
export const valueKinds = [
  'null',
  'boolean',
  'string',
  'number',
  'bigint',
  'double',
  'decimal',
  'bytes',
  'timestamp',
  'geoPoint',
  'reference',
  'vector',
  'set',
  'array',
  'map'
] as const

/** The plain maps among the values. */
export type ValueMap = { [key: string]: Value }

/**
 * Maps and arrays nested deeper than this are refused wherever values are walked, with DOCFERRY_TOO_DEEP: the stack of a thread holds
 * several times as many, and no database takes more (CouchDB's JSON parser stops at 1,024).
 */
export const maxDepth = 1000

/**
 * @throws {DocferryError} DOCFERRY_BAD_VALUE for what is no value: undefined, a function, a symbol, an instance of a class that is none
 * of ours (a `Date`, a `Map`)
 */
export function kindOf(value: Value): ValueKind {
  const kind = kindIfAny(value)
  if (kind === undefined) throw notAValue(value)
  return kind
}

/** @returns undefined for what is no value */
export function kindIfAny(value: unknown): ValueKind | undefined {
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'bigint':
      return 'bigint'
    case 'object':
      return value === null ? 'null' : kindOfObject(value)
    default:
      return undefined
  }
}

function kindOfObject(value: object): ValueKind | undefined {
  if (Array.isArray(value)) return 'array'
  if (isPlainObject(value)) return 'map'
  if (value instanceof Double) return 'double'
  if (value instanceof Timestamp) return 'timestamp'
  if (value instanceof Decimal) return 'decimal'
  if (value instanceof Uint8Array) return 'bytes'
  if (value instanceof GeoPoint) return 'geoPoint'
  if (value instanceof Reference) return 'reference'
  if (value instanceof Vector) return 'vector'
  if (value instanceof ValueSet) return 'set'
  return undefined
}

export function isMap(value: Value | undefined): value is ValueMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && isPlainObject(value)
}

/** Assign a field, also one named `__proto__`, which plain assignment would lose. */
export function setField(map: ValueMap, key: string, value: Value): void {
  if (key === '__proto__') Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
  else map[key] = value
}

export function tooDeep(): DocferryError {
  return new DocferryError(
    'DOCFERRY_TOO_DEEP',
    `maps and arrays are nested more than ${maxDepth} levels deep; flatten the document, for example in a stage`
  )
}

export function notAValue(value: unknown): DocferryError {
  return new DocferryError(
    'DOCFERRY_BAD_VALUE',
    `a document holds something that is no value (${nameOf(value)}); stages make Timestamp, Uint8Array and the other classes of docferry's values`
  )
}

/** Of its class, where it is of one. */
export function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeof value
  try {
    const name: unknown = value.constructor?.name
    return typeof name === 'string' && name !== '' ? name : 'object'
  } catch {
    // Whoever made it may have made anything of that.
    return 'object'
  }
}

/** Made by a literal, JSON.parse or `Object.create(null)`, in this realm or another. */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || (Object.getPrototypeOf(prototype) === null && !Array.isArray(value))
}
