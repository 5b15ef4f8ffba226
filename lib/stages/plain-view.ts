/** Documents as libraries see them that know JSON's values only: copied as far as something had to be converted, and no further. */
import { Decimal, Double, isMap, maxDepth, setField, toPlain, tooDeep } from '../values/index.ts'
import type { Timestamp, Value, ValueMap } from '../values/index.ts'

/** What stands for a value of a class, after its own members were converted. */
export type ConvertValue = (value: Value) => unknown

/**
 * The same object where nothing in it had to be converted.
 *
 * @param convert asked for each value that is none of JSON's, numbers included that no double holds
 * @throws {DocferryError} DOCFERRY_TOO_DEEP
 */
export function plainView(value: Value, convert: ConvertValue = plainValue): unknown {
  return view(value, convert, 0)
}

/** Numbers of all kinds as the nearest double, what is no number as `toPlain` says. */
export function plainValue(value: Value): unknown {
  if (value instanceof Double) return value.value
  if (value instanceof Decimal) return Number(value.digits)
  if (typeof value === 'bigint') return Number(value)
  const plain = toPlain(value)
  return Array.isArray(plain) ? plain.map(member => (isSimple(member) ? member : plainValue(member))) : plain
}

/** A time as a `Date`, which has milliseconds. */
export function dateOf({ seconds, nanoseconds }: Timestamp): Date {
  return new Date(seconds * 1000 + Math.floor(nanoseconds / 1e6))
}

function isSimple(value: Value | undefined): boolean {
  return typeof value !== 'object' ? typeof value !== 'bigint' : value === null
}

function view(value: Value, convert: ConvertValue, depth: number): unknown {
  if (isSimple(value)) return value
  if (depth > maxDepth) throw tooDeep()
  if (Array.isArray(value)) return viewOfList(value, convert, depth)
  return isMap(value) ? viewOfMap(value, convert, depth) : convert(value)
}

function viewOfList(list: Value[], convert: ConvertValue, depth: number): unknown[] {
  let copy: unknown[] | undefined
  for (let index = 0; index < list.length; index++) {
    const member = list[index]!
    if (isSimple(member)) continue
    const converted = view(member, convert, depth + 1)
    if (converted === member) continue
    copy ??= [...list]
    copy[index] = converted
  }
  return copy ?? list
}

function viewOfMap(map: ValueMap, convert: ConvertValue, depth: number): object {
  let copy: ValueMap | undefined
  for (const key of Object.keys(map)) {
    const field = map[key]!
    if (isSimple(field)) continue
    const converted = view(field, convert, depth + 1)
    if (converted === field) continue
    copy ??= { ...map }
    setField(copy, key, converted as Value)
  }
  return copy ?? map
}
