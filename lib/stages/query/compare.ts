/** How values compare in a query: by kind, numbers of all kinds as numbers, times exactly. */
import { Decimal, decimalParts, Double, GeoPoint, isMap, Reference, Timestamp, ValueSet, Vector } from '../../values/index.ts'
import type { DecimalParts, Value } from '../../values/index.ts'

/** The members of a list, vector or set; undefined for anything else. */
export function membersOf(value: Value | undefined): readonly Value[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) return value
  if (value instanceof ValueSet) return value.members
  return value instanceof Vector ? value.values : undefined
}

/**
 * @returns below, at or above 0 as `a` is less than, equal to or more than `b`; undefined for values of different kinds, and for those of
 *   a kind without an order that are not equal
 */
export function compareValues(a: Value | undefined, b: Value | undefined): number | undefined {
  if (typeof a === 'string') return typeof b === 'string' ? order(a, b) : undefined
  if (isNumber(a)) return isNumber(b) ? compareNumbers(a, b) : undefined
  if (a === null || a === undefined) return b === null || b === undefined ? 0 : undefined
  if (typeof a === 'boolean') return typeof b === 'boolean' ? order(a, b) : undefined
  if (typeof b !== 'object' || b === null) return undefined
  if (a instanceof Timestamp) return b instanceof Timestamp ? compareTimes(a, b) : undefined
  if (a instanceof Uint8Array) return b instanceof Uint8Array ? Buffer.compare(a, b) : undefined
  if (a instanceof Reference) return b instanceof Reference ? order(a.path, b.path) : undefined
  if (a instanceof GeoPoint) return b instanceof GeoPoint && a.latitude === b.latitude && a.longitude === b.longitude ? 0 : undefined
  const members = membersOf(a)
  const others = membersOf(b)
  if (members && others) {
    if (a instanceof ValueSet || b instanceof ValueSet) return haveSameMembers(members, others) ? 0 : undefined
    return compareLists(members, others)
  }
  return !members && !others && isMap(a) && isMap(b) && haveSameFields(a, b) ? 0 : undefined
}

export function areEqual(a: Value | undefined, b: Value | undefined): boolean {
  return a === b || compareValues(a, b) === 0
}

function isNumber(value: Value | undefined): value is number | bigint | Double | Decimal {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Double || value instanceof Decimal
}

function compareNumbers(a: number | bigint | Double | Decimal, b: number | bigint | Double | Decimal): number | undefined {
  const left = a instanceof Double ? a.value : a
  const right = b instanceof Double ? b.value : b
  if (typeof left === 'number' && typeof right === 'number') {
    if (left === right || (Number.isNaN(left) && Number.isNaN(right))) return 0
    return left < right ? -1 : left > right ? 1 : undefined
  }
  if (typeof left === 'bigint' && typeof right === 'bigint') return order(left, right)
  if (left !== left || right !== right) return undefined
  if (left === Infinity || right === -Infinity) return 1
  if (left === -Infinity || right === Infinity) return -1
  return compareParts(decimalParts(digitsOf(left)), decimalParts(digitsOf(right)))
}

function digitsOf(value: number | bigint | Decimal): string {
  return value instanceof Decimal ? value.digits : String(value)
}

function compareParts(a: DecimalParts, b: DecimalParts): number {
  const signA = a.digits === '' ? 0 : a.negative ? -1 : 1
  const signB = b.digits === '' ? 0 : b.negative ? -1 : 1
  if (signA !== signB || signA === 0) return signA - signB
  return signA * (a.point !== b.point ? a.point - b.point : order(a.digits, b.digits))
}

function compareTimes(a: Timestamp, b: Timestamp): number {
  return a.seconds === b.seconds ? a.nanoseconds - b.nanoseconds : a.seconds - b.seconds
}

function compareLists(a: readonly Value[], b: readonly Value[]): number | undefined {
  for (let index = 0; index < a.length && index < b.length; index++) {
    const compared = compareValues(a[index], b[index])
    if (compared !== 0) return compared
  }
  return a.length - b.length
}

function haveSameMembers(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every(member => b.some(other => areEqual(member, other)))
}

function haveSameFields(a: { [key: string]: Value }, b: { [key: string]: Value }): boolean {
  const keysOf = (map: { [key: string]: Value }): string[] => Object.keys(map).filter(key => map[key] !== undefined)
  const keys = keysOf(a)
  return keys.length === keysOf(b).length && keys.every(key => Object.hasOwn(b, key) && areEqual(a[key], b[key]))
}

function order<T extends string | number | bigint | boolean>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}
