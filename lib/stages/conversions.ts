/** From one type of value to another, without loss, or not at all. */
import {
  Decimal,
  decimalParts,
  Double,
  fromBigInt,
  fromDouble,
  isNumberText,
  numberFromText,
  parseJson,
  stringifyJson,
  Timestamp
} from '../values/index.ts'
import type { Value } from '../values/index.ts'
import { textOf } from './text-of.ts'
import { numberFromTime, timeFromNumber, timeFromText } from './times.ts'

export const targetTypes = [
  'string',
  'number',
  'integer',
  'double',
  'boolean',
  'date',
  'iso',
  'epoch-s',
  'epoch-ms',
  'bytes',
  'base64',
  'hex',
  'json',
  'parse-json'
] as const
export type TargetType = (typeof targetTypes)[number]

export const sourceFormats = ['iso', 'epoch-s', 'epoch-ms', 'base64', 'base64url', 'hex', 'utf-8'] as const
export type SourceFormat = (typeof sourceFormats)[number]

export interface ConversionOptions {
  readonly to: TargetType
  readonly from?: SourceFormat
  /** `Z` or `+02:00` */
  readonly zone?: string
}

/** Formats that say how a value of the type is written. */
export const formatsOf: Readonly<Partial<Record<TargetType, readonly SourceFormat[]>>> = {
  date: ['iso', 'epoch-s', 'epoch-ms'],
  iso: ['iso', 'epoch-s', 'epoch-ms'],
  'epoch-s': ['iso', 'epoch-s', 'epoch-ms'],
  'epoch-ms': ['iso', 'epoch-s', 'epoch-ms'],
  bytes: ['base64', 'base64url', 'hex', 'utf-8'],
  base64: ['base64', 'base64url', 'hex', 'utf-8'],
  hex: ['base64', 'base64url', 'hex', 'utf-8']
}

/** @returns undefined for what can't be converted. Null is never asked for. */
export function conversion({ to, from, zone }: ConversionOptions): (value: Value) => Value | undefined {
  switch (to) {
    case 'string':
      return textOf
    case 'number':
      return toNumber
    case 'integer':
      return value => toInteger(toNumber(value))
    case 'double':
      return value => toDouble(toNumber(value))
    case 'boolean':
      return toBoolean
    case 'date':
      return toTime
    case 'iso':
      return value => toTime(value)?.toISOString()
    case 'epoch-s':
      return value => numberOf(toTime(value), 1)
    case 'epoch-ms':
      return value => numberOf(toTime(value), 1000)
    case 'bytes':
      return value => toBytes(value, from)
    case 'base64':
    case 'hex':
      return value => encoded(toBytes(value, from), to)
    case 'json':
      return value => stringifyJson(value)
    case 'parse-json':
      return parsed
  }

  function toTime(value: Value): Timestamp | undefined {
    if (value instanceof Timestamp) return value
    if (from === 'epoch-s') return timeFromNumber(value, 1)
    if (from === 'epoch-ms') return timeFromNumber(value, 1000)
    return typeof value === 'string' ? timeFromText(value, zone) : undefined
  }
}

function numberOf(time: Timestamp | undefined, perSecond: 1 | 1000): Value | undefined {
  return time && numberFromTime(time, perSecond)
}

type Numeric = number | bigint | Double | Decimal

function toNumber(value: Value): Numeric | undefined {
  if (typeof value === 'number' || typeof value === 'bigint' || value instanceof Double || value instanceof Decimal) return value
  if (typeof value !== 'string' || !isNumberText(value)) return undefined
  try {
    return numberFromText(value)
  } catch {
    return undefined
  }
}

/** A Decimal with a longer whole part than that is no integer that anyone could hold. */
const mostDigits = 400

function toInteger(value: Numeric | undefined): Value | undefined {
  if (value === undefined || typeof value === 'bigint') return value
  if (value instanceof Decimal) {
    const { negative, digits, point } = decimalParts(value.digits)
    return point < digits.length || point > mostDigits ? undefined : BigInt(`${negative ? '-' : ''}${digits.padEnd(point, '0')}`)
  }
  const number = Number(value)
  return Number.isInteger(number) ? fromBigInt(BigInt(number)) : undefined
}

function toDouble(value: Numeric | undefined): Value | undefined {
  if (value === undefined || value instanceof Decimal) return undefined
  if (typeof value === 'bigint') return BigInt(Number(value)) === value ? fromDouble(Number(value)) : undefined
  return fromDouble(Number(value))
}

const truths: Readonly<Record<string, boolean>> = { true: true, false: false, yes: true, no: false, '1': true, '0': false }

function toBoolean(value: Value): Value | undefined {
  if (typeof value === 'boolean') return value
  const text =
    typeof value === 'string' || typeof value === 'number' || value instanceof Double ? String(value.valueOf()).toLowerCase() : ''
  return Object.hasOwn(truths, text) ? truths[text] : undefined
}

function toBytes(value: Value, from: SourceFormat = 'base64'): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  if (typeof value !== 'string') return undefined
  const bytes = Buffer.from(value, from as BufferEncoding)
  // Buffer passes over what it doesn't know.
  const again = bytes.toString(from as BufferEncoding)
  return again === (from === 'hex' ? value.toLowerCase() : value) ? new Uint8Array(bytes) : undefined
}

function encoded(bytes: Uint8Array | undefined, as: 'base64' | 'hex'): string | undefined {
  return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(as)
}

function parsed(value: Value): Value | undefined {
  if (typeof value !== 'string') return undefined
  try {
    return parseJson(value)
  } catch {
    return undefined
  }
}
