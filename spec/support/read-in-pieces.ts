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
