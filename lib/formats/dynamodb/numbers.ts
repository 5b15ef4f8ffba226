/**
 * DynamoDB's numbers: decimals of up to 38 significant digits between 1E-130 and 9.99...E+125, positive or negative, sent as text.
 * Source: "Supported data types, Number", Amazon DynamoDB Developer Guide; sizes agree with DynamoDB Local, byte for byte.
 */
import { Decimal, decimalParts, fromBigInt, mostDigits, normalText, sameDecimal } from '../../values/index.ts'
import type { DecimalParts } from '../../values/index.ts'

/** Whether N holds it exactly. */
export function fitsNumber({ digits, point }: DecimalParts): boolean {
  return digits === '' || (digits.length <= 38 && point >= -129 && point <= 126)
}

/** Bytes that the service counts: 1, 1 for each pair of digits (pairs start at the decimal point), and 1 for a minus; never over 21. */
export function numberBytes({ negative, digits, point }: DecimalParts): number {
  if (digits === '') return 1
  const pairs = Math.ceil(point / 2) - Math.floor((point - digits.length) / 2)
  return Math.min(pairs + 1 + (negative ? 1 : 0), 21)
}

/** One text for each number, as people write it: plain digits up to 10^21 and down to 10^-6, and `1.5E+30` beyond. */
export function plainText({ negative, digits, point }: DecimalParts): string {
  if (digits === '') return '0'
  const sign = negative ? '-' : ''
  if (point > 21 || point < -5) return normalText({ negative, digits, point })
  if (digits.length <= point) return sign + digits.padEnd(point, '0')
  if (point > 0) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
  return `${sign}0.${'0'.repeat(-point)}${digits}`
}

/**
 * Read an N: a number where its shortest digits are those of the text, a bigint for an integer past 2^53, otherwise a Decimal.
 * DynamoDB gives plain digits only. From 10^21 on, where JavaScript writes a number with an exponent, an integer whose digits a double
 * gives is therefore a number too: what was a double stays one.
 *
 * @throws {SyntaxError} when the text is no decimal, or longer than any that is kept
 */
export function readNumber(text: string): number | bigint | Decimal {
  const number = Number(text)
  if (String(number) === text && (Number.isSafeInteger(number) || !Number.isInteger(number))) {
    if (Number.isFinite(number)) return number
  }
  const parts = decimalParts(text)
  if (parts.digits === '') return 0
  if (Math.max(parts.digits.length, parts.point) > mostDigits) throw new SyntaxError('a number has more than 10,000 digits')
  const integral = parts.digits.length <= parts.point
  if ((!integral || parts.point > 21) && number !== 0 && Number.isFinite(number) && sameDecimal(parts, decimalParts(String(number))))
    return number
  if (!integral) return new Decimal(normalText(parts))
  return fromBigInt(BigInt((parts.negative ? '-' : '') + parts.digits.padEnd(parts.point, '0')))
}

/** Whether a number that N holds comes back as the same kind of number, and a zero with its sign. Cheap for what is common. */
export function keepsKind(value: number | bigint | Decimal): boolean {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return !Object.is(value, -0)
    return !Number.isInteger(value) || typeof readNumber(String(value)) === 'number'
  }
  return !(typeof value === 'bigint' && typeof fromBigInt(value) === 'bigint' && typeof readNumber(String(value)) === 'number')
}
