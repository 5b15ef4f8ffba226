/**
 * Finds, in JSON text, what JSON.parse does not do right: number literals that it would change, and what may be an envelope. Ordinary text
 * is passed over at a fifth of what JSON.parse costs.
 */
import { isNumberText, mostDigits, numberFromText } from './numbers.ts'
import { eachSuspect } from './text-scan.ts'
import { Double, type Value } from './types.ts'

export interface SpecialNumber {
  readonly start: number
  readonly end: number
  readonly value: Value
}

export interface Special {
  /** In the order of the text. */
  readonly numbers: readonly SpecialNumber[]
  /** Whether some key may begin with `$`. */
  readonly envelopes: boolean
}

type Found = Omit<SpecialNumber, 'value'> & { readonly value: Value | SyntaxError }

/** Numbers from here on are never left to JSON.parse, except negative ones' mirror images: none below -(2^53) either. */
export const firstUnsafe = 2 ** 53

/**
 * @param text valid JSON; of anything else something is found or not
 * @returns undefined when there is nothing special
 * @throws {SyntaxError} for a number whose exponent is out of every range, or that has too many digits
 */
export function findSpecial(text: string): Special | undefined {
  const found: Found[] = []
  let envelopes = false
  eachSuspect(text, at => {
    const code = text.charCodeAt(at)
    if (isNumberCharacter(code)) return check(text, at, found)
    envelopes ||= code === dollar ? beginsKey(text, at) : text.startsWith('\\u0024', at)
    return at + 1
  })
  if (found.length === 0 && !envelopes) return undefined
  const numbers = outsideStrings(text, found)
  return numbers.length === 0 && !envelopes ? undefined : { numbers, envelopes }
}

/** Before a key's first quote no backslash can stand; behind its last one there is a colon. */
function beginsKey(text: string, at: number): boolean {
  if (codeAt(text, at - 1) !== quote || codeAt(text, at - 2) === backslash) return false
  let end = endOfString(text, at - 1)
  while (isSpace(codeAt(text, end))) end++
  return codeAt(text, end) === colon
}

/** Look at the literal around a place, if it is one. @returns its end */
function check(text: string, at: number, found: Found[]): number {
  let end = at + 1
  while (isNumberCharacter(codeAt(text, end))) end++
  if (!endsNumber(text, end)) return end
  let start = at
  while (isNumberCharacter(codeAt(text, start - 1))) start--
  if (!startsNumber(text, start)) return end
  if (end - start < 16 && !isIntegralDecimal(text, end) && !hasExponent(text, start, end)) return end
  const value = specialNumber(text.slice(start, end))
  if (value !== undefined) found.push({ start, end, value })
  return end
}

/** Whether nothing but zeros stands behind the point. */
function isIntegralDecimal(text: string, end: number): boolean {
  let at = end - 1
  while (codeAt(text, at) === zero) at--
  return at < end - 1 && codeAt(text, at) === point
}

function hasExponent(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((text.charCodeAt(at) | 32) === 101) return true
  return false
}

/** JSON.parse would make Infinity or 0 of it, and so would everybody else. */
const farExponent = /\d[eE][-+]?\d{16}/

/** What a literal stands for, if JSON.parse would make something else of it; why it is none, for it may stand in a string. */
function specialNumber(literal: string): Value | SyntaxError | undefined {
  if (literal.length < 16 && /^-?(?:0|[1-9]\d*)\.0+$/.test(literal)) return new Double(Number(literal))
  if (String(Number(literal)) === literal && literal.includes('.') && !literal.includes('e')) return undefined
  if (literal.length <= mostDigits && !isNumberText(literal))
    return farExponent.test(literal) ? new SyntaxError('a number has an exponent of more than 15 digits') : undefined
  const value = numberOrTrouble(literal)
  return typeof value === 'number' && Math.abs(value) < firstUnsafe ? undefined : value
}

function numberOrTrouble(literal: string): Value | SyntaxError {
  try {
    return numberFromText(literal)
  } catch (error) {
    if (error instanceof SyntaxError) return error
    throw error
  }
}

/** Without those that are part of a string. */
function outsideStrings(text: string, found: readonly Found[]): SpecialNumber[] {
  const kept: SpecialNumber[] = []
  let string = text.indexOf('"')
  let end = string === -1 ? text.length : endOfString(text, string)
  for (const number of found) {
    while (string !== -1 && end <= number.start) {
      string = text.indexOf('"', end)
      end = string === -1 ? text.length : endOfString(text, string)
    }
    if (string !== -1 && string < number.start) continue
    if (number.value instanceof SyntaxError) throw number.value
    kept.push(number as SpecialNumber)
  }
  return kept
}

/** @param start where its first quote is */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (codeAt(text, before) === backslash) before--
    if ((end - before) % 2 === 1) return end + 1
  }
  return text.length
}

const zero = 48
const colon = 58
const quote = 34
const point = 46
const dollar = 36
const backslash = 92

function isDigitOrPoint(code: number): boolean {
  return code <= 57 && code >= 46 && code !== 47
}

/** 0-9 . - + e E */
function isNumberCharacter(code: number): boolean {
  return isDigitOrPoint(code) || code === 45 || code === 43 || code === 101 || code === 69
}

/** Behind white space, only `:` `,` `[` or nothing stand before a number. */
function startsNumber(text: string, start: number): boolean {
  let at = start - 1
  while (isSpace(codeAt(text, at))) at--
  const code = codeAt(text, at)
  return code === nothing || code === 58 || code === 44 || code === 91
}

/** Before white space, only `,` `]` `}` or nothing stand behind a number. */
function endsNumber(text: string, end: number): boolean {
  let at = end
  while (isSpace(codeAt(text, at))) at++
  const code = codeAt(text, at)
  return code === nothing || code === 44 || code === 125 || code === 93
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9
}

const nothing = -1

/** Asking for a place outside would make every call of charCodeAt slower. */
function codeAt(text: string, at: number): number {
  return at >= 0 && at < text.length ? text.charCodeAt(at) : nothing
}
