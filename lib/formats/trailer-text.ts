/** The last line of an export, in pieces: with thousands of collections it is tens of megabytes. */
import type { BucketSums } from '../values/bucket-sums.ts'

/** What an export states of a collection. */
export interface StatedCollection {
  readonly name: string
  readonly count: number
  /** Missing where none was made, of all collections of an export or of none. */
  readonly digest?: () => string
  /** Likewise. */
  readonly sums?: BucketSums
}

/** The maps that the line holds, in their order. */
export const trailerFields = ['counts', 'digest', 'receipt', 'root'] as const

export type TrailerField = (typeof trailerFields)[number]

/** What stands in front of the first entry of each. */
export const trailerOpenings: Readonly<Record<TrailerField, string>> = {
  counts: '{"$end":{"counts":{',
  digest: ',"digest":{',
  receipt: ',"receipt":{',
  root: ',"root":{'
}

/** Behind the last of them. */
export const trailerClosing = '}}\n'

/** @param stated gone through once for each field @returns what JSON.stringify makes of it all */
export function* trailerPieces(stated: Iterable<StatedCollection>): Generator<string, void, undefined> {
  let hasSums = false
  for (const { sums } of stated) hasSums ||= sums !== undefined
  for (const field of trailerFields) {
    if (!hasSums && (field === 'receipt' || field === 'root')) continue
    yield trailerOpenings[field]
    let separator = ''
    for (const collection of stated) {
      const value = valueOf(field, collection)
      if (value === undefined) continue
      yield entryText(separator, collection.name, value)
      separator = ','
    }
    yield '}'
  }
  yield trailerClosing
}

export function entryText(separator: string, name: string, value: number | string): string {
  return `${separator}${JSON.stringify(name)}:${JSON.stringify(value)}`
}

function valueOf(field: TrailerField, { count, digest, sums }: StatedCollection): number | string | undefined {
  if (field === 'counts') return count
  if (field === 'digest') return digest?.()
  return field === 'receipt' ? sums?.base64() : sums?.root()
}
