/** A small seeded generator of random numbers (sfc32): the same seed and stream give the same numbers on every machine. */
export interface Random {
  /** A whole number from 0 to 2^32 - 1. */
  next(): number
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number
  between(least: number, most: number): number
  chance(probability: number): boolean
  pick<T>(choices: readonly T[]): T
  /** That many hexadecimal digits. */
  hex(digits: number): string
  /** A random UUID, version 4. */
  uuid(): string
}

/** @param stream what tells this sequence from others of the same seed: a collection and an index */
export function random(seed: number, stream: string): Random {
  const hashed = hash(stream)
  let a = seed | 0
  let b = hashed
  let c = Math.imul(hashed ^ a, 0x9e3779b1)
  let counter = 1

  function next(): number {
    const result = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + result
    return result >>> 0
  }

  function below(limit: number): number {
    return Math.floor((next() / 2 ** 32) * limit)
  }

  function hex(digits: number): string {
    let text = ''
    while (text.length < digits) text += (next() + 2 ** 32).toString(16).slice(1)
    return text.slice(0, digits)
  }

  for (let round = 0; round < 12; round++) next()
  return {
    next,
    below,
    between: (least, most) => least + below(most - least + 1),
    chance: probability => next() < probability * 2 ** 32,
    pick: choices => choices[below(choices.length)]!,
    hex,
    uuid() {
      const digits = hex(32)
      const variant = '89ab'[below(4)]!
      return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`
    }
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  return value
}
