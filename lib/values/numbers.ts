/**
 * Numbers as decimal text: which kind of number a text is, and when two texts are the same number.
 *
 * A double stands for its shortest decimal form, as every JSON writer prints it: 0.1 is the decimal 0.1.
 */
import { DocferryError } from '../errors.ts'
import { Decimal, Double } from './types.ts'

/** The value 0.digits * 10^point; `digits` has no zeros at either end and is empty for zero. */
export interface DecimalParts {
  readonly negative: boolean
  readonly digits: string
  readonly point: number
}

const numberPattern = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,15}))?$/

const mostExponent = 999_999_999_999_998

/** What BigInt makes of digits, and digits of it, takes the longer for each the more there are: millions take minutes. */
export const mostDigits = 10_000

const tooManyDigits = 'a number has more than 10,000 digits'

const integerPattern = /^-?\d+$/

/** Whether a text is a number in JSON's grammar, with an exponent that arithmetic can handle, and no more than `mostDigits`. */
export function isNumberText(text: string): boolean {
  return numberPattern.test(text) && !hasTooManyDigits(text)
}

/** Zeros that say nothing count in an integer only, which is written with all its digits. */
function hasTooManyDigits(text: string): boolean {
  if (text.length <= mostDigits) return false
  const digits = integerPattern.test(text) ? text.length - (text.startsWith('-') ? 1 : 0) : decimalParts(text).digits.length
  return digits > mostDigits
}

let leastTooLong: bigint | undefined

/** Whether it has more than `mostDigits`: it could not be read again. */
export function isTooLong(value: bigint): boolean {
  if (value === BigInt.asIntN(1024, value)) return false
  leastTooLong ??= 10n ** BigInt(mostDigits)
  return value >= leastTooLong || value <= -leastTooLong
}

/** @throws {DocferryError} DOCFERRY_BAD_VALUE for one that `isTooLong` */
export function bigintText(value: bigint): string {
  if (isTooLong(value)) throw new DocferryError('DOCFERRY_BAD_VALUE', tooManyDigits)
  return String(value)
}

/** @throws {SyntaxError} when the text is no number in JSON's grammar, or its exponent has more than 15 digits */
export function decimalParts(text: string): DecimalParts {
  const match = numberPattern.exec(text)
  if (match === null) throw new SyntaxError('not a number in the form -123.45E+6, or its exponent has more than 15 digits')
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const all = whole + fraction
  let start = 0
  let end = all.length
  while (start < end && all.charCodeAt(start) === 48) start++
  while (end > start && all.charCodeAt(end - 1) === 48) end--
  const digits = all.slice(start, end)
  return { negative: sign === '-', digits, point: digits === '' ? 0 : whole.length - start + Number(exponent) }
}

/** A double as a value: `Double` where it would pass for an integer otherwise. */
export function fromDouble(value: number): number | Double {
  return Number.isSafeInteger(value) ? new Double(value) : value
}

/** An integer as a value: a number where that is exact. */
export function fromBigInt(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

/**
 * The value that a number in JSON's grammar stands for, without loss.
 *
 * - an integer: a number, past 2^53 a bigint
 * - with a point or an exponent: `Double` for a safe integer (`1.0`, `1E2`), a plain number where its digits are those of the shortest
 *   form of its double, otherwise a bigint if it is integral and below 1.8e308, otherwise a `Decimal`
 *
 * @throws {SyntaxError} when the text is no such number, or has more than `mostDigits`
 */
export function numberFromText(text: string): number | bigint | Double | Decimal {
  if (hasTooManyDigits(text)) throw new SyntaxError(tooManyDigits)
  const number = Number(text)
  if (integerPattern.test(text)) return Number.isSafeInteger(number) ? number : BigInt(text)
  const parts = decimalParts(text)
  if (parts.digits === '') return new Double(number)
  const finite = Number.isFinite(number)
  if (finite && number !== 0 && sameDecimal(parts, decimalParts(String(number)))) return fromDouble(number)
  if (finite && parts.point >= parts.digits.length) return BigInt(integerText(parts))
  // In its normal form an exponent may be longer than it was.
  if (Math.abs(parts.point) > mostExponent) throw new SyntaxError('a number has an exponent of more than 15 digits')
  return new Decimal(normalText(parts))
}

export function sameDecimal(a: DecimalParts, b: DecimalParts): boolean {
  return a.digits === b.digits && a.point === b.point && a.negative === b.negative
}

/** A text that two numbers share if and only if they are equal, zeros of either sign included. */
export function numberIdentity(text: string): string {
  const { negative, digits, point } = decimalParts(text)
  return `${negative && digits !== '' ? '-' : ''}${digits}E${point}`
}

/** The one text of a decimal, in the form that `Decimal` states. */
export function normalText({ negative, digits, point }: DecimalParts): string {
  if (digits === '') return '0'
  const sign = negative ? '-' : ''
  if (point > 0 && point < digits.length) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
  if (point <= 0 && point > -6) return `${sign}0.${'0'.repeat(-point)}${digits}`
  const exponent = point - 1
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
  return `${sign}${digits[0]}${fraction}E${exponent < 0 ? '' : '+'}${exponent}`
}

/**
 * A double's JSON text that is read back as this double, and not as an integer: 1.0, -0.0, 1e+300. Not for NaN and infinities. Below the
 * normal doubles there is always a point: CouchDB reads `5e-324` as another number than `5.0e-324`.
 */
export function doubleText(value: number): string {
  if (Object.is(value, -0)) return '-0.0'
  const text = String(value)
  if (!Number.isInteger(value)) return text.replace(/^(-?\d)e/, '$1.0e')
  return text.includes('e') ? text : `${text}.0`
}

function integerText({ negative, digits, point }: DecimalParts): string {
  return (negative ? '-' : '') + digits.padEnd(point, '0')
}
