import fc from 'fast-check'
import type { ReadInto } from '../../lib/formats/listed-json.ts'

/** @param sizes of the pieces in which it comes, over and over */
export function inPieces(text: string | Buffer, sizes: readonly number[] = [1]): ReadInto {
  const bytes = Buffer.from(text)
  let at = 0
  let turn = 0
  return into => {
    const length = Math.min(sizes[turn++ % sizes.length]!, into.length)
    const read = bytes.copy(into, 0, at, at + length)
    at += read
    return Promise.resolve(read)
  }
}

/** Ways to spoil a text, or to write it another way. */
export interface Edit {
  readonly at: number
  readonly remove: number
  readonly insert: string
}

export function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce((before, { at, remove, insert }) => {
    const place = Math.floor(at * before.length)
    return before.slice(0, place) + insert + before.slice(place + remove)
  }, text)
}

/** Sizes of pieces. */
export const sizes = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 5 })

/** @param tricks what is put into the text, besides any characters */
export function editsOf(text: string, tricks: readonly string[]): fc.Arbitrary<Edit[]> {
  const insert = fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom(...tricks))
  const at = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1))
  const edit = fc.record({ at, remove: fc.oneof(fc.nat(3), fc.nat(text.length)), insert })
  return fc.array(edit, { minLength: 1, maxLength: 3 })
}
