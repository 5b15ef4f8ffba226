/**
 * DynamoDB JSON, an item a line: `{"Item":{"_id":{"S":"x"}}}`, as DynamoDB's exports to S3 hold it and its imports from S3 take it, or
 * the item alone.
 */
import { isUtf8 } from 'node:buffer'
import { rawOf, whereIs } from '../document-line.ts'
import type { Line } from '../lines.ts'
import type { Entry } from '../page-builder.ts'
import { isItem } from './check-item.ts'
import { toDocument } from './items.ts'
import { keyOfItem } from './key-option.ts'
import type { KeyNames } from './key-option.ts'
import type { ItemJson } from './values.ts'
import { parseText } from '../../values/index.ts'

/** What a line of changes says that a document can't: the item was deleted. */
export const deletedItem = 'it was deleted in the table that was exported'

/** The item of a line, or undefined where it is none. */
export function itemOf(value: unknown): ItemJson | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const names = Object.keys(value)
  const { Item: item } = value as { readonly Item?: unknown }
  if (names.length === 1 && isItem(item)) return item
  return names.length > 0 && isItem(value) ? value : undefined
}

/** A change, as an incremental export holds it: the item as it is now, or only its keys where it is no more. */
interface ChangeLine {
  readonly Keys: ItemJson
  readonly NewImage?: ItemJson
}

function changeOf(value: unknown): ChangeLine | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { Keys: keys, NewImage: image } = value as { readonly Keys?: unknown; readonly NewImage?: unknown }
  return isItem(keys) && (image === undefined || isItem(image)) ? { Keys: keys, ...(image && { NewImage: image }) } : undefined
}

/** Whether a text begins as a line of items may: a cheap look, which never says no to one. @param isAll whether nothing follows */
export function mayBeItemLine(text: string, isAll: boolean): boolean {
  const name = /^\s*\{\s*"(?:[^"\\]|\\.)*"/.exec(text)?.[0]
  if (name === undefined) return !isAll && /^\s*\{\s*("|$)/.test(text)
  const rest = text.slice(name.length)
  return /^\s*:\s*\{\s*"/.test(rest) || (!isAll && /^\s*:?\s*\{?\s*$/.test(rest))
}

/** The first item of an input, if its first line is one. @param text of the line */
export function readItemLine(text: string): ItemJson | undefined {
  try {
    return itemOf(parseText(text))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

export interface ItemLineOptions {
  /** Default: docferry's own, `_id`. */
  readonly key?: KeyNames | undefined
  /** Whether the lines are changes: new images are documents, and a deletion is a reject. */
  readonly changes?: boolean | undefined
}

/** How the lines of a file become documents. Every number is a text in them, so that no digit is lost by JSON.parse. */
export function itemLineReader({ key: names, changes = false }: ItemLineOptions): (line: Line) => Entry {
  const read = (value: unknown): Entry | string => {
    const change = changes ? changeOf(value) : undefined
    if (changes && !change) return 'no change of an item, as an incremental export holds it'
    const item = change ? (change.NewImage ?? change.Keys) : itemOf(value)
    if (!item) return 'no item in DynamoDB JSON'
    const key = keyOfItem(names, item)
    if (!key) return 'an item without its key'
    const document = toDocument(key, item)
    if (!change || change.NewImage) return { document }
    return { reject: { code: 'DOCFERRY_DELETED', message: deletedItem, where: '', id: document._id } }
  }
  return line => {
    const reject = (message: string): Entry => ({
      reject: { code: 'DOCFERRY_BAD_DOCUMENT', message, where: whereIs(line), ...rawOf(line) }
    })
    if (line.tooLong) return reject('the line is longer than docferry reads, 256 MB')
    if (!isUtf8(line.bytes)) return reject('not valid UTF-8')
    let value: unknown
    try {
      value = parseText(line.bytes.toString())
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      return reject(line.complete ? 'not valid JSON' : 'not valid JSON; it is the last line and has no line end, so the file may be cut')
    }
    try {
      const entry = read(value)
      if (typeof entry === 'string') return reject(entry)
      return 'reject' in entry ? { reject: { ...entry.reject, where: whereIs(line), ...rawOf(line) } } : entry
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      return reject(error.message)
    }
  }
}
