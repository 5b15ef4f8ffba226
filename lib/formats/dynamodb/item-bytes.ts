/**
 * Ordinary documents as the bytes of their items: what `toItem` writes, made of the bytes of the document's JSON, without making text of it. A batch's items
 * wait in memory for their answer, and bytes side by side, in memory that is used again, cost the garbage collector nothing, where the pieces that a text is
 * put together of cost more than the writing. What is not ordinary is left to `toItem`.
 */
import { isOrdinary } from '../../values/index.ts'
import type { Document } from '../../values/index.ts'
import { lendText } from '../../kernel/lent-texts.ts'
import { documentLine } from '../document-lines.ts'
import type { DocumentLine } from '../document-lines.ts'
import { writeItem } from './item-kernel.ts'
import { isDocumentKey } from './keys.ts'
import type { TableKey } from './keys.ts'

/** The id of a document, its item as JSON, and the size of that as the service counts it. */
export interface PackedItem {
  readonly id: string
  readonly payload: Buffer
  readonly bytes: number
  /** What it was made of, where it was a document. */
  readonly line?: DocumentLine
  /** Nobody looks at the payload any more; told once, or never. */
  readonly release?: () => void
}

/** @returns undefined for a document that `toItem` must look at: it may write it in another way, or refuse it */
export function packItem(key: TableKey, document: Document): PackedItem | undefined {
  const { _id: id } = document
  if (!isDocumentKey(key) || typeof id !== 'string' || !isOrdinary(document)) return undefined
  const line = documentLine(document, JSON.stringify(document))
  const { chunk, from, to } = line.line
  const item = packLine(key, id, chunk.subarray(from, to - 1))
  return item && { ...item, line }
}

/**
 * @param line see `LineEncoder.encode`
 * @returns undefined as `packItem`
 */
export function packLine(key: TableKey, id: string, line: Buffer): PackedItem | undefined {
  if (!isDocumentKey(key)) return undefined
  const item = writeItem(line)
  if (!item) return undefined
  const { text: payload, release } = lendText(item.json)
  return { id, payload, bytes: item.bytes, release }
}
