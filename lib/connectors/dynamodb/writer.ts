/** The writing end: tables made ready, documents encoded by their keys. `batches.ts` sends, `lookup.ts` finds. */
import { defaultRules } from '../../types.ts'
import type { Encoded, EncodeRules, Prepared, Refusal, Target } from '../../types.ts'
import type { DocumentDigests } from '../../values/index.ts'
import { changeDocuments } from './changes.ts'
import { usageOf, writeBatch } from './batches.ts'
import type { Connection } from './client.ts'
import { isMissingTable } from './errors.ts'
import { digestDocumentLines, lineDigests } from '../../formats/document-lines.ts'
import { packItem, packLine } from '../../formats/dynamodb/item-bytes.ts'
import { toItem, writtenDocument } from '../../formats/dynamodb/items.ts'
import { documentKey, isDocumentKey } from '../../formats/dynamodb/keys.ts'
import type { PackedItem } from '../../formats/dynamodb/item-bytes.ts'
import type { TableKey } from '../../formats/dynamodb/keys.ts'
import { tableName, targetLimits } from './limits.ts'
import { getDocuments, look } from './lookup.ts'
import { createTable, dropTable, isEmptyTable, placeProof, waitUntilActive } from './tables.ts'
import type { Table } from './tables.ts'
import { takesWrites } from './takes-writes.ts'

export function createTarget(connection: Connection, rules: EncodeRules = defaultRules): Target<Buffer> {
  const keys = new Map<string, TableKey>()
  const keyOf = (collection: string): TableKey => keys.get(collection) ?? documentKey

  const at = (collection: string) => ({ collection, key: keyOf(collection), escapeNames: rules.escapeNames })

  return {
    location: connection.location,
    proof: placeProof(connection),
    limits: targetLimits,
    checkCollection,

    async prepare(collection, { create, signal }) {
      const prepared = await prepareTable(connection, collection, create, signal)
      keys.set(collection, prepared.key)
      const { created, empty, documents } = prepared
      return { created, empty, ...(documents !== undefined && { documents }) }
    },

    encode(collection, document, onConversion) {
      const key = keyOf(collection)
      const packed = packItem(key, document)
      if (packed) return packed
      const item = toItem(key, document, rules, onConversion)
      return 'code' in item ? item : { id: item.id, bytes: item.bytes, payload: Buffer.from(item.json) }
    },

    lines: {
      noUnderscores: false,
      wantsObjects: collection => isDocumentKey(keyOf(collection)),
      encode: (collection, id, line) => packLine(keyOf(collection), id, line)
    },

    // A packed item is read back as the document that it was made of.
    digests: digestsOf,
    digestAll: encoded => digestDocumentLines(encoded.flatMap(each => (each as PackedItem).line ?? [])),

    release(documents) {
      for (const each of documents) (each as PackedItem).release?.()
    },

    usage: usageOf,

    write(collection, documents, options) {
      return writeBatch(connection, { ...at(collection), documents, options })
    },

    takesWrites(collection, options) {
      return takesWrites(connection, { collection, key: keyOf(collection), options })
    },

    get(collection, ids, options) {
      return getDocuments(connection, ids, { ...at(collection), ...options })
    },

    readBack(collection, document, { kinds = false } = {}) {
      const key = keyOf(collection)
      return rules.types !== 'plain' && !kinds && isDocumentKey(key) ? document : writtenDocument(key, document, rules)
    },
    keepsKinds: rules.types === 'exact',

    look(collection, ids, { signal }) {
      return look(connection, ids, { ...at(collection), signal })
    },

    change(collection, changes, { signal }) {
      return changeDocuments(connection, changes, { collection, key: keyOf(collection), signal })
    },

    async dropCollection(collection, { signal }) {
      const isDropped = await dropTable(connection, collection, signal)
      if (isDropped) keys.delete(collection)
      return isDropped
    },

    async commit() {
      // Every write is durable when it is acknowledged.
    },

    async close() {
      connection.close()
    }
  }
}

/** Of a document that the table gives back as it is. */
function digestsOf(encoded: Encoded<Buffer>): DocumentDigests | undefined {
  const { line } = encoded as PackedItem
  return line && { values: lineDigests(line).values }
}

export function checkCollection(collection: string): Refusal | undefined {
  if (tableName.test(collection)) return undefined
  return {
    code: 'DOCFERRY_COLLECTION_NAME',
    message: 'a DynamoDB table has a name of 3 to 255 characters: letters, digits, "_", "-" and "."'
  }
}

async function prepareTable(
  connection: Connection,
  collection: string,
  create: boolean,
  signal: AbortSignal | undefined
): Promise<Prepared & { readonly key: TableKey }> {
  let created = false
  let table: Table
  // Asked at once with what the table is; where that fails it is asked again, or of no interest.
  const left = new AbortController()
  const until = signal ? AbortSignal.any([signal, left.signal]) : left.signal
  const looked = isEmptyTable(connection, collection, until).catch(() => undefined)
  try {
    try {
      table = await waitUntilActive(connection, collection, { signal, made: false })
    } catch (error) {
      if (!isMissingTable(error)) throw error
      if (!create) return { created: true, empty: true, key: documentKey }
      created = await createTable(connection, collection, signal)
      table = await waitUntilActive(connection, collection, { signal, made: true })
    }
    const empty = created || ((await looked) ?? (await isEmptyTable(connection, collection, signal)))
    // Six hours old: none, of a table that holds some, means nothing.
    return { created, empty, key: table.key, ...(table.items && !empty && { documents: table.items }) }
  } finally {
    left.abort()
  }
}
