/** Times as text and as numbers, without loss. */
import { Decimal, decodeEnvelopes, Double, numberFromText, Timestamp } from '../values/index.ts'
import type { Value } from '../values/index.ts'

const iso = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:[.,]\d{1,9})?)?\s?(Z|z|[+-]\d\d(?::?\d\d)?)?)?$/

/**
 * ISO 8601: `2024-05-01T10:00:00.5Z`, also with a blank for the T, without seconds, or a day alone.
 *
 * @param zone `Z` or `+02:00`, for a text that names none
 * @returns undefined for any other text, and without a zone
 */
export function timeFromText(text: string, zone: string | undefined): Timestamp | undefined {
  const match = iso.exec(text)
  if (!match) return undefined
  const [, day, minutes = '00:00', seconds = ':00', offset = zone] = match
  if (offset === undefined) return undefined
  const whole = `${day}T${minutes}${seconds.replace(',', '.')}${offset === 'z' ? 'Z' : offset.length === 3 ? `${offset}:00` : offset}`
  const decoded = decodeEnvelopes({ $date: whole })
  return decoded instanceof Timestamp ? decoded : undefined
}

const nano = 1_000_000_000n

/**
 * @param value a number of any kind, or its text
 * @param perSecond 1 for seconds, 1000 for milliseconds
 * @returns undefined for what is no number, is finer than a nanosecond, or beyond what a Timestamp holds
 */
export function timeFromNumber(value: Value, perSecond: 1 | 1000): Timestamp | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value) && perSecond === 1) return makeTime(BigInt(value), 0n)
  const text = decimalText(value)
  const match = text === undefined ? null : /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)
  if (!match) return undefined
  const [, sign, whole = '0', fraction = ''] = match
  const places = perSecond === 1 ? 9 : 6
  if (fraction.length > places) return undefined
  const nanos = BigInt(`${sign}${whole}${fraction.padEnd(places, '0')}`)
  const rest = ((nanos % nano) + nano) % nano
  return makeTime((nanos - rest) / nano, rest)
}

/** @returns a number, or where no double holds its digits a Decimal */
export function numberFromTime({ seconds, nanoseconds }: Timestamp, perSecond: 1 | 1000): Value {
  const places = perSecond === 1 ? 9 : 6
  if (nanoseconds % 10 ** places === 0) return seconds * perSecond + nanoseconds / 10 ** places
  const nanos = BigInt(seconds) * nano + BigInt(nanoseconds)
  const digits = String(nanos < 0n ? -nanos : nanos).padStart(places + 1, '0')
  return numberFromText(`${nanos < 0n ? '-' : ''}${digits.slice(0, -places)}.${digits.slice(-places)}`)
}

function makeTime(seconds: bigint, nanoseconds: bigint): Timestamp | undefined {
  try {
    return new Timestamp(Number(seconds), Number(nanoseconds))
  } catch {
    return undefined
  }
}

function decimalText(value: Value): string | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (value instanceof Double) return String(value.value)
  return value instanceof Decimal ? value.digits : undefined
}
