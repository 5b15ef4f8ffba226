/** Documents that travel as the lines of their JSON, because nobody on their way looks into them. */
import { ControlItem } from './types.ts'

/** What a reader may do in place of making objects: leave out these top-level fields, and hand on the text. */
export interface Packing {
  /** At most 32, and no `_id`. */
  readonly drop: readonly string[]
  /** One of these, of which the members are counted where it is a map. */
  readonly counted?: string
  /** Give documents that keep another top-level field than `_id` that begins with an underscore the plain way. */
  readonly noUnderscores?: boolean
  /** Each document has to be known by itself: its line and its id. */
  readonly byLine?: boolean
}

/** Of `Packing.byLine`. */
export interface LinePlaces {
  /** Behind each line's end in the text. */
  readonly ends: Uint32Array
  readonly ids: readonly string[]
}

/** Told of the ids by their hashes only, and of the documents by their digests. */
export class Packed extends ControlItem {
  readonly packing: Packing
  /** One line for each document, with its line end. */
  readonly text: Buffer
  readonly count: number
  /** SHA-256 of each one's canonical bytes, as `documentDigest` makes it: 32 characters of Latin-1. No document needs digests of kinds. */
  readonly digests: readonly string[]
  /** `idHashes` of each one's id, one pair after the other. */
  readonly idHashes: Int32Array
  /** Documents that had each of the dropped fields, by their index; and the members of the one that is counted. */
  readonly dropped: readonly number[]
  readonly members: number
  readonly lines?: LinePlaces | undefined

  constructor({ packing, text, count, digests, idHashes, dropped, members, lines }: Omit<Packed, never>) {
    super()
    this.packing = packing
    this.text = text
    this.count = count
    this.digests = digests
    this.idHashes = idHashes
    this.dropped = dropped
    this.members = members
    this.lines = lines
  }
}
