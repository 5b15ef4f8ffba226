import { Decimal, Double, kindOf, Reference, Timestamp } from '../values/index.ts'
import type { Value, ValueKind } from '../values/index.ts'

/** A value as people write it in a text; undefined for what has no such form: null, a map, a list, bytes, a set, a point, a vector. */
export function textOf(value: Value): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (value instanceof Double) return String(value.value)
  if (value instanceof Timestamp) return value.toISOString()
  if (value instanceof Decimal) return value.digits
  return value instanceof Reference ? value.path : undefined
}

const words: Partial<Record<ValueKind, string>> = {
  boolean: 'true or false',
  string: 'text',
  number: 'a number',
  bigint: 'a number',
  double: 'a number',
  decimal: 'a number',
  timestamp: 'a time',
  geoPoint: 'a point',
  reference: 'a reference',
  vector: 'a vector',
  set: 'a set',
  array: 'a list',
  map: 'a map'
}

/** For messages, which tell of a value only what it is. */
export function kindText(value: Value): string {
  const kind = kindOf(value)
  return words[kind] ?? kind
}
