/** Personal data and secrets inside of text. Each pattern looks at a text in linear time: none begins in the middle of a word. */

interface TextPattern {
  readonly pattern: RegExp
  /** What every match holds, so that most texts are passed over at once. */
  readonly sign?: string
  /** For what a pattern can't say. */
  readonly isMatch?: (text: string) => boolean
}

export const textPatterns = {
  email: { pattern: /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]+@(?:[\p{L}\p{N}-]{1,63}\.)+\p{L}{2,63}/gu, sign: '@' },
  phone: { pattern: /(?<![\w+])\+\d(?:[ ().-]{0,2}\d){6,14}(?!\d)/g, sign: '+' },
  card: { pattern: /(?<!\d|\d[ -])\d(?:[ -]?\d){12,18}(?!\d|[ -]\d)/g, isMatch: isCardNumber },
  ip: { pattern: /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d]|\.\d)/g, sign: '.' },
  token: {
    pattern:
      /(?<![\w-])(?:sk-[\w-]{16,}|gh[a-z]_\w{20,}|github_pat_\w{20,}|xox[a-z]-[\w-]{10,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{35}|eyJ[\w-]+\.eyJ[\w-]+\.[\w-]*)/g
  }
} as const satisfies Readonly<Record<string, TextPattern>>

export type PatternName = keyof typeof textPatterns
export const patternNames = Object.keys(textPatterns) as PatternName[]

/** @returns the same text where nothing in it matches */
export function replaceIn(text: string, { pattern, sign, isMatch }: TextPattern, replacement: (found: string) => string): string {
  if (sign !== undefined && !text.includes(sign)) return text
  return text.replace(pattern, found => (isMatch && !isMatch(found) ? found : replacement(found)))
}

/** The check digit of cards (Luhn). */
function isCardNumber(text: string): boolean {
  const digits = text.replace(/\D/g, '')
  let sum = 0
  for (let place = 0; place < digits.length; place++) {
    const digit = digits.charCodeAt(digits.length - 1 - place) - 48
    sum += place % 2 === 0 ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit
  }
  return sum % 10 === 0
}
