/**
 * Finds, in JSON text, the number literals that JSON.parse would change. Ordinary text is passed over at a fraction of what JSON.parse
 * costs, by two looks for what such a literal must hold: `.0` or an exponent, or 16 digits.
 */
import { isNumberText, numberFromText } from './numbers.ts'
import { Double, type Value } from './types.ts'

export interface SpecialNumber {
  readonly start: number
  readonly end: number
  readonly value: Value
}

/** Numbers from here on are never left to JSON.parse, except negative ones' mirror images: none below -(2^53) either. */
export const firstUnsafe = 2 ** 53

/**
 * @param text valid JSON; of anything else something is found or not, but nothing is thrown
 * @returns in the order of the text; undefined when there is none
 */
export function findSpecialNumbers(text: string): SpecialNumber[] | undefined {
  if (text.length > bytes.length) bytes = Buffer.allocUnsafeSlow(text.length * 2)
  // The low byte of each character: another character may look like a digit here, but no digit like another character.
  bytes.write(text, 'latin1')
  const found: SpecialNumber[] = []
  findPointsAndExponents(text, found)
  findManyDigits(text, found)
  if (bytes.length > maxKept) bytes = Buffer.allocUnsafeSlow(initialBytes)
  return found.length === 0 ? undefined : outsideStrings(text, found)
}

const initialBytes = 64 * 1024
/** A larger buffer is given back once its text is done with. */
const maxKept = 4 * 1024 * 1024

/** Looking at bytes is several times as fast as looking at the characters of a string. What is left of longer texts may stand behind the end. */
let bytes = Buffer.allocUnsafeSlow(initialBytes)

/** Every third byte meets one of a digit, a point and a zero, or of a digit, an E and what follows it. */
function findPointsAndExponents(text: string, found: SpecialNumber[]): void {
  const view = bytes
  for (let at = 2; at < text.length; at += 3) {
    const kind = kinds[view[at]!]
    if (kind === other) continue
    const before = kinds[view[at - 1]!]
    const after = kinds[view[at + 1]!]
    const suspect =
      kind === digitOrSign
        ? before === letterE || after === letterE || (after === point && view[at + 2] === zero) || (before === point && view[at] === zero)
        : before === digitOrSign && (kind === letterE ? after === digitOrSign : view[at + 1] === zero)
    if (suspect) at = check(text, at, found)
  }
}

/** Of 16 digits in a row (a point may stand between) every 16th byte meets one, and so do one 4 and one 8 bytes from there. */
function findManyDigits(text: string, found: SpecialNumber[]): void {
  const view = bytes
  for (let at = 15; at < text.length; at += 16) {
    if (!isDigitOrPoint(view[at]!)) continue
    const ahead = isDigitOrPoint(view[at + 8]!) && isDigitOrPoint(view[at + 4]!)
    if (ahead || (isDigitOrPoint(view[at - 8]!) && isDigitOrPoint(view[at - 4]!))) at = check(text, at, found)
  }
}

const other = 0
const digitOrSign = 1
const point = 2
const letterE = 3
const kinds = new Uint8Array(256)
for (const character of '0123456789+-') kinds[character.charCodeAt(0)] = digitOrSign
for (const character of 'eE') kinds[character.charCodeAt(0)] = letterE
kinds['.'.charCodeAt(0)] = point

/** Look at the literal around a place, if it is one. @returns its end */
function check(text: string, at: number, found: SpecialNumber[]): number {
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

/** What a literal stands for, if JSON.parse would make something else of it. */
function specialNumber(literal: string): Value | undefined {
  if (literal.length < 16 && /^-?(?:0|[1-9]\d*)\.0+$/.test(literal)) return new Double(Number(literal))
  if (String(Number(literal)) === literal && literal.includes('.') && !literal.includes('e')) return undefined
  if (!isNumberText(literal)) return undefined
  const value = numberFromText(literal)
  return typeof value === 'number' && Math.abs(value) < firstUnsafe ? undefined : value
}

/** Each once, in the order of the text, and without those that are part of a string. */
function outsideStrings(text: string, found: SpecialNumber[]): SpecialNumber[] | undefined {
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
    kept.push(number)
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
