/** Rows of `_all_docs` whose documents are wanted as objects: those of many are made by one JSON.parse. */
import { isUtf8 } from 'node:buffer'
import { listLines } from '../../kernel/lists.ts'
import type { Listed } from '../../kernel/lists.ts'
import { allOfIt, canPack } from '../../kernel/kernel.ts'
import type { Packing } from '../../packed.ts'
import type { Document, Leaving, LeftOut } from '../../types.ts'
import { digestsAt, parseJson, parseText } from '../../values/index.ts'
import { rowsOfLines } from './all-docs.ts'
import type { Row } from './all-docs.ts'
import type { Asked } from './errors.ts'

/** Rows that follow one another. */
export interface RowsOfBytes {
  readonly rows: readonly Row[]
  /** Of the answer. */
  readonly bytes: number
}

/** So much at once: its text and its documents are no large objects to V8. */
const pieceBytes = 64 << 10
const newline = 0x0a

const conflictsField = '_conflicts'

/** What is left out of documents that the kernel reads, and whether their digests are wanted. */
export class RowListing {
  /** Of a database's own, with conflicts, which readers count. */
  readonly packing: Packing
  readonly digests: boolean
  readonly #conflicts: number
  /** Those of one document are mostly those of the next. */
  readonly #lefts = new Map<number, LeftOut>()

  constructor({ fields, counted, digests }: Leaving) {
    const isEmpty = fields.length === 0 && !digests
    const drop = isEmpty || fields.includes(conflictsField) ? fields : [...fields, conflictsField]
    this.packing = { ...allOfIt, drop, ...(counted !== undefined && { counted }) }
    this.digests = digests
    this.#conflicts = drop.includes(conflictsField) ? 1 << drop.indexOf(conflictsField) : 0
  }

  /** @param bits of the dropped fields that a document had */
  told(bits: number, members: number): Pick<Row, 'leftOut' | 'hadConflicts'> {
    const fields = bits & ~this.#conflicts
    return { leftOut: fields === 0 ? undefined : this.#leftOf(fields, members), hadConflicts: fields !== bits }
  }

  #leftOf(fields: number, members: number): LeftOut {
    if (members > 0) return { fields, members }
    let left = this.#lefts.get(fields)
    if (!left) this.#lefts.set(fields, (left = { fields, members }))
    return left
  }
}

export const wholeRows = new RowListing({ fields: [], digests: false })

/**
 * The same rows, with the same documents but for what is left out, as `rowsOfLines` gives.
 *
 * @param lines whole ones, each with its line end; they may be used again once all is given
 * @throws as `rowsOfLines`, where it comes to the line
 */
export function* rowsOfBlock(lines: Buffer, asked: Asked, listing = wholeRows): Generator<RowsOfBytes, void, undefined> {
  for (let from = 0; from < lines.length;) {
    const to = lines.indexOf(newline, Math.min(from + pieceBytes, lines.length) - 1) + 1
    const piece = lines.subarray(from, to)
    from = to
    // What is longer is one long row.
    if (piece.length > 2 * pieceBytes || !canPack() || !isUtf8(piece)) yield plain(piece, asked)
    else yield* rowsOfPiece(piece, asked, listing)
  }
}

function* rowsOfPiece(piece: Buffer, asked: Asked, listing: RowListing): Generator<RowsOfBytes, void, undefined> {
  let at = 0
  for (const part of listLines(piece, listing.packing, { digests: listing.digests, rows: true })) {
    const end = 'came' in part ? at + part.bytes : part.to + 1
    if ('came' in part) yield { rows: rowsOfList(part, listing), bytes: part.bytes }
    else yield plain(piece.subarray(at, end), asked)
    at = end
  }
}

function rowsOfList({ text, specials, came: { digests, kinds }, dropped, members }: Listed, listing: RowListing): Row[] {
  let special = 0
  return (parseText(text) as (Document | 0)[]).map((parsed, index) => {
    const document = parsed === 0 ? (parseJson(specials[special++]!) as Document) : parsed
    const bits = dropped[index] ?? 0
    return {
      key: document._id,
      document,
      // The kernel knows none with a name that may be an escaped one.
      hasEscapes: false,
      digests: listing.digests ? digestsAt(digests, kinds, index) : undefined,
      ...(bits === 0 ? undefined : listing.told(bits, members[index]!))
    }
  })
}

function plain(lines: Buffer, asked: Asked): RowsOfBytes {
  return { rows: rowsOfLines(lines.toString(), asked), bytes: lines.length }
}
