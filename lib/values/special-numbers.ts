/**
 * Finds, in JSON text, the number literals that JSON.parse would change. Ordinary text is passed over at a fraction of what JSON.parse
 * costs, by three looks for what such a literal must hold: `.0` at its end, an exponent, or 16 digits.
 */
import { isNumberText, numberFromText } from './numbers.ts'
import { Double, type Value } from './types.ts'

export interface SpecialNumber {
  readonly start: number
  readonly end: number
  readonly value: Value
}

type Found = Omit<SpecialNumber, 'value'> & { readonly value: Value | typeof outOfRange }

/** Numbers from here on are never left to JSON.parse, except negative ones' mirror images: none below -(2^53) either. */
export const firstUnsafe = 2 ** 53

/**
 * @param text valid JSON; of anything else something is found or not
 * @returns in the order of the text; undefined when there is none
 * @throws {SyntaxError} for a number whose exponent is out of every range
 */
export function findSpecialNumbers(text: string): SpecialNumber[] | undefined {
  const found: Found[] = []
  findIntegralDecimals(text, found)
  findExponents(text, found)
  findManyDigits(text, found)
  return found.length === 0 ? undefined : outsideStrings(text, found)
}

function findIntegralDecimals(text: string, found: Found[]): void {
  for (let at = text.indexOf('.0'); at !== -1; at = text.indexOf('.0', at + 2)) {
    if (!isDigit(codeAt(text, at - 1))) continue
    let end = at + 2
    while (codeAt(text, end) === zero) end++
    if (endsNumber(text, end)) check(text, at, found)
    at = end - 2
  }
}

function findExponents(text: string, found: Found[]): void {
  for (let at = text.indexOf('E'); at !== -1; at = text.indexOf('E', at + 1)) {
    if (isDigit(codeAt(text, at - 1))) at = check(text, at, found)
  }
  smallExponent.lastIndex = 0
  for (let match = smallExponent.exec(text); match !== null; match = smallExponent.exec(text)) check(text, match.index, found)
}

/** Far less common than the letter itself, which is why the other one is not sought in this way. */
const smallExponent = /[0-9]e[-+]?[0-9]+(?:[,}\]\s]|$)/g

/** Of 16 digits in a row (a point may stand between) every 16th character meets one, and the 8 before or behind that are of them too. */
function findManyDigits(text: string, found: Found[]): void {
  for (let at = 15; at < text.length; at += 16) {
    const code = text.charCodeAt(at)
    if (code > 57 || code < 46 || !(hasDigits(text, at + 6) || hasDigits(text, at - 8))) continue
    at = check(text, at, found)
  }
}

/** Looks at three of the eight only, those next to each other: in times and dates something else is among any three. */
function hasDigits(text: string, at: number): boolean {
  return isDigitOrPoint(codeAt(text, at)) && isDigitOrPoint(codeAt(text, at + 1)) && isDigitOrPoint(codeAt(text, at + 2))
}

/** Look at the literal around a place, if it is one. @returns its end */
function check(text: string, at: number, found: Found[]): number {
  let start = at
  while (isNumberCharacter(codeAt(text, start - 1))) start--
  let end = at + 1
  while (isNumberCharacter(codeAt(text, end))) end++
  if (startsNumber(text, start) && endsNumber(text, end)) {
    const value = specialNumber(text.slice(start, end))
    if (value !== undefined) found.push({ start, end, value })
  }
  return end
}

/** JSON.parse would make Infinity or 0 of it, and so would everybody else. */
const farExponent = /\d[eE][-+]?\d{16}/
const outOfRange = Symbol('out of range')

/** What a literal stands for, if JSON.parse would make something else of it. */
function specialNumber(literal: string): Value | typeof outOfRange | undefined {
  if (literal.length < 16 && /^-?(?:0|[1-9]\d*)\.0+$/.test(literal)) return new Double(Number(literal))
  if (String(Number(literal)) === literal && literal.includes('.') && !literal.includes('e')) return undefined
  if (!isNumberText(literal)) return farExponent.test(literal) ? outOfRange : undefined
  const value = numberFromText(literal)
  return typeof value === 'number' && Math.abs(value) < firstUnsafe ? undefined : value
}

/** Each once, in the order of the text, and without those that are part of a string. */
function outsideStrings(text: string, found: Found[]): SpecialNumber[] | undefined {
  found.sort((a, b) => a.start - b.start)
  const kept: SpecialNumber[] = []
  let string = text.indexOf('"')
  let end = string === -1 ? text.length : endOfString(text, string)
  let last = -1
  for (const number of found) {
    while (string !== -1 && end <= number.start) {
      string = text.indexOf('"', end)
      end = string === -1 ? text.length : endOfString(text, string)
    }
    const inside = string !== -1 && string < number.start
    if (inside || number.start === last) continue
    last = number.start
    if (number.value === outOfRange) throw new SyntaxError('a number has an exponent of more than 15 digits')
    kept.push(number as SpecialNumber)
  }
  return kept.length === 0 ? undefined : kept
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
const backslash = 92

function isDigit(code: number): boolean {
  return code >= zero && code <= 57
}

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
