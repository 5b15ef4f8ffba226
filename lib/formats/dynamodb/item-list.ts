/**
 * The items of an answer as documents, from its bytes. Most items hold nothing but what JSON has types for too: of these DynamoDB's types are left
 * out of the bytes, in one pass (`plain-items.ts`), and what is left is ordinary JSON, which makes the document. So no object is made for an
 * attribute, and a page's documents are made when they are wanted. Any other item goes through `toDocument`.
 */
import type { Document } from '../../values/index.ts'
import { toDocument } from './items.ts'
import { idOfItem, isDocumentKey } from './keys.ts'
import type { TableKey } from './keys.ts'
import type { BufferPool } from '../../kernel/buffer-pool.ts'
import { readPlainItems } from './plain-items.ts'
import type { ItemLines, ItemRange, PlainItems } from './plain-items.ts'
import type { AttributeJson, ItemJson } from './values.ts'
import { parseText } from '../../values/index.ts'

/** An answer with `Items`. */
export interface ItemList {
  readonly length: number
  /** What the answer holds beside its items. */
  readonly rest: object
  item(index: number): ItemJson
  /** @throws {SyntaxError} for an item that can't be one */
  document(index: number): Document
  /** Of items that follow one another; undefined for each that only `document` knows. Missing where that goes for all. */
  readonly documents?: (from: number, to: number) => readonly (Document | undefined)[]
  /** The documents' JSON, as `PlainItems.lines`. Missing where it is of none. */
  readonly lines?: (range: ItemRange) => ItemLines
  /** Nobody looks into it any more. */
  release(): void
}

/**
 * @param bytes as they are until the list is released
 * @param pool has memory for what is made of them
 * @returns undefined when there are no items
 * @throws {SyntaxError} when it is no JSON object
 */
export function readItemList(bytes: Buffer, key: TableKey, pool?: BufferPool): ItemList | undefined {
  return scanItemList(bytes, key, pool) ?? parseItemList(bytes, key)
}

/** The plain way: all that the answer holds as objects. */
export function parseItemList(bytes: Buffer, key: TableKey): ItemList | undefined {
  const { Items: items, ...rest } = parseObject(bytes.toString()) as { readonly Items?: readonly ItemJson[] }
  if (!items) return undefined
  return { length: items.length, rest, item: index => items[index]!, document: index => toDocument(key, items[index]!), release: nothing }
}

const nothing = (): void => undefined

/** @returns undefined for an answer that is left to the plain way */
export function scanItemList(bytes: Buffer, key: TableKey, pool?: BufferPool): ItemList | undefined {
  const ownKey = isDocumentKey(key)
  if (!ownKey && key.some(({ name }) => name === '_id')) return undefined
  const plain = readPlainItems(bytes, { ownKey, pool })
  if (!plain) return undefined
  const itemOf = (index: number): ItemJson => parseObject(plain.itemText(index)) as ItemJson
  const odd = new Map<number, ItemJson>()
  let rest: { readonly Items?: unknown }
  try {
    rest = parseObject(plain.rest)
    for (let index = 0; index < plain.length; index++) if (plain.text(index) === undefined) odd.set(index, itemOf(index))
  } catch (error) {
    // The plain way says what is wrong.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  if (rest.Items !== null) return undefined
  return {
    length: plain.length,
    rest,
    item: index => odd.get(index) ?? itemOf(index),
    ...(ownKey && {
      lines: (range: ItemRange) => plain.lines(range),
      documents: (from: number, to: number) => documentsOf(plain, from, to)
    }),
    release: () => plain.release(),
    document(index) {
      const item = odd.get(index)
      if (item) return toDocument(key, item)
      const document = parseText(plain.text(index)!) as Document
      if (ownKey) return document
      const keyItem = keyOfDocument(key, document)
      if (!keyItem) return toDocument(key, itemOf(index))
      document._id = idOfItem(key, keyItem)
      return document
    }
  }
}

/** So much is parsed at once: its text is no large object to V8, and its documents die young. */
const listBytes = 64 << 10

/** Parsed as lists, which costs less than one by one. */
function documentsOf(plain: PlainItems, from: number, to: number): (Document | undefined)[] {
  const documents = Array.from<Document | undefined>({ length: to - from })
  for (let next = from; next < to;) {
    const taken = plain.list({ from: next, to, mostBytes: listBytes })
    const parsed = parseText(taken.list) as Document[]
    for (const [at, index] of taken.indexes.entries()) documents[index - from] = parsed[at]
    next = taken.to
  }
  return documents
}

/** The key of a table's item, which stands in the document's fields; undefined where a part of it is missing or of another type. */
function keyOfDocument(key: TableKey, document: Document): ItemJson | undefined {
  const item = Object.create(null) as Record<string, AttributeJson>
  for (const { name, type } of key) {
    const value = Object.hasOwn(document, name) ? document[name] : undefined
    if (type === 'S' && typeof value === 'string') item[name] = { S: value }
    else if (type === 'N' && typeof value === 'number') item[name] = { N: String(value) }
    else return undefined
  }
  return item
}

function parseObject(text: string): object {
  const value: unknown = parseText(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SyntaxError('the answer is no JSON object')
  return value
}
