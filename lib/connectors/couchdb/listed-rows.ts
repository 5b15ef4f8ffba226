/** Rows of `_all_docs` whose documents are wanted as objects: those of many are made by one JSON.parse. */
import { isUtf8 } from 'node:buffer'
import { listLines } from '../../kernel/lists.ts'
import type { Listed } from '../../kernel/lists.ts'
import { allOfIt, canPack } from '../../kernel/kernel.ts'
import type { Document } from '../../types.ts'
import { parseJson, parseText } from '../../values/index.ts'
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

/**
 * The same rows, with the same documents, as `rowsOfLines` gives.
 *
 * @param lines whole ones, each with its line end; they may be used again once all is given
 * @throws as `rowsOfLines`, where it comes to the line
 */
export function* rowsOfBlock(lines: Buffer, asked: Asked): Generator<RowsOfBytes, void, undefined> {
  for (let from = 0; from < lines.length;) {
    const to = lines.indexOf(newline, Math.min(from + pieceBytes, lines.length) - 1) + 1
    const piece = lines.subarray(from, to)
    from = to
    // What is longer is one long row.
    if (piece.length > 2 * pieceBytes || !canPack() || !isUtf8(piece)) yield plain(piece, asked)
    else yield* rowsOfPiece(piece, asked)
  }
}

function* rowsOfPiece(piece: Buffer, asked: Asked): Generator<RowsOfBytes, void, undefined> {
  let at = 0
  for (const part of listLines(piece, allOfIt, { digests: false, rows: true })) {
    const end = 'came' in part ? at + part.bytes : part.to + 1
    if ('came' in part) yield { rows: rowsOfList(part), bytes: part.bytes }
    else yield plain(piece.subarray(at, end), asked)
    at = end
  }
}

function rowsOfList({ text, specials }: Listed): Row[] {
  let special = 0
  return (parseText(text) as (Document | 0)[]).map(parsed => {
    const document = parsed === 0 ? (parseJson(specials[special++]!) as Document) : parsed
    // The kernel knows none with a name that may be an escaped one.
    return { key: document._id, document, hasEscapes: false }
  })
}

function plain(lines: Buffer, asked: Asked): RowsOfBytes {
  return { rows: rowsOfLines(lines.toString(), asked), bytes: lines.length }
}
