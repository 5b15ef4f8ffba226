/** The writing end: databases made ready, documents written by the rule for conflicts. `bulk.ts` sends, `lookup.ts` finds, `changes.ts` undoes. */
import { withRetry } from '../../engine/retry.ts'
import { DocferryError } from '../../errors.ts'
import { defaultRules } from '../../types.ts'
import type { EncodeRules, Prepared, Target, WriteOptions, WriteOutcome } from '../../types.ts'
import { allDocsRequest } from './all-docs.ts'
import { createBulk, isConflict } from './bulk.ts'
import type { BulkOutcome, Sending } from './bulk.ts'
import { changeDocuments, dropDatabase } from './changes.ts'
import type { Client, DatabaseInfo } from './client.ts'
import { brokenAnswer } from './errors.ts'
import { checkDatabaseName, targetLimits } from './limits.ts'
import { allRows, decodeText, get, look, revisions } from './lookup.ts'
import { locate } from './options.ts'
import { encodeDocument, storedId, withRevision } from './values.ts'
import type { DatabaseRules } from './values.ts'

/** How often an overwrite looks for the present revision, when others change the document at the same time. */
const overwriteTries = 5
/** A database with no more documents is looked through for one that is no design document. */
const fewDocuments = 100

export function createTarget(client: Client, rules: EncodeRules = defaultRules): Target<string> {
  const { maxDocumentBytes } = client.settings
  const partitioned = new Set<string>()
  const databaseRules = (collection: string): DatabaseRules => ({
    maxDocumentBytes,
    partitioned: partitioned.has(collection),
    pouchdb: client.pouchdb
  })
  /** What CouchDB calls a document; undefined for an id that it refuses, and can't be asked for. */
  const nameOf = (collection: string) => (id: string) => {
    const stored = storedId(id, databaseRules(collection), rules)
    return typeof stored === 'string' ? stored : undefined
  }
  return {
    location: locate(client.settings),
    limits: targetLimits,
    checkCollection: name => checkDatabaseName(name, client.pouchdb),
    async prepare(collection, options) {
      const { prepared, info } = await prepare(client, collection, options)
      if (info?.props?.partitioned) partitioned.add(collection)
      return prepared
    },
    encode: (collection, document, onConversion) => encodeDocument(document, databaseRules(collection), rules, onConversion),
    write(collection, documents, options) {
      const name = nameOf(collection)
      const sendings = documents.map(({ id, payload }, index) => ({ index, id: name(id) ?? id, text: payload }))
      return write(client, collection, sendings, options)
    },
    get: (collection, ids, options) => get(client, collection, ids, { ...options, nameOf: nameOf(collection) }),
    readBack(collection, document, { kinds = false } = {}) {
      if (rules.types !== 'plain' && !kinds) return document
      const encoded = encodeDocument(document, databaseRules(collection), rules)
      return 'code' in encoded ? document : { ...decodeText(encoded.payload, client.pouchdb), _id: document._id }
    },
    keepsKinds: rules.types === 'exact',
    look: (collection, ids, { signal }) => look(client, collection, ids, { nameOf: nameOf(collection), signal }),
    change: (collection, changes, { signal }) => changeDocuments(client, collection, changes, signal),
    dropCollection: (collection, { signal }) => dropDatabase(client, collection, signal),
    /** A bulk write, and a look for the revisions first where documents may be replaced. */
    usage: (documents, { onConflict, fresh }) => ({ requests: documents.length === 0 ? 0 : onConflict === 'overwrite' && !fresh ? 2 : 1 }),
    // Every answered write is on disk.
    async commit() {},
    async close() {
      client.close()
    }
  }
}

async function prepare(
  client: Client,
  collection: string,
  { create, signal }: Parameters<Target['prepare']>[1]
): Promise<{ prepared: Prepared; info?: DatabaseInfo }> {
  const refusal = checkDatabaseName(collection, client.pouchdb)
  if (refusal) throw new DocferryError(refusal.code, refusal.message, { provider: 'couchdb', collection })
  const looking = client.asked(`looking at ${collection}`, 'DOCFERRY_TARGET', collection)
  let info = await client.databaseInfo(collection, looking, signal)
  if (!info) {
    const created =
      !create || (await client.createDatabase(collection, client.asked(`creating ${collection}`, 'DOCFERRY_TARGET', collection), signal))
    if (created) return { prepared: { created: true, empty: true } }
    info = await client.databaseInfo(collection, looking, signal)
    if (!info) throw brokenAnswer(looking, 'says that the database exists, and that it does not')
  }
  return { prepared: { created: false, empty: await isEmpty(client, collection, info, signal), documents: info.doc_count }, info }
}

/** Design documents are no data: they leave a database empty. */
async function isEmpty(client: Client, collection: string, info: DatabaseInfo, signal?: AbortSignal): Promise<boolean> {
  if (info.doc_count > fewDocuments) return false
  const asked = client.asked(`looking at ${collection}`, 'DOCFERRY_TARGET', collection)
  const request = { ...allDocsRequest(collection, { limit: fewDocuments + 1 }), asked, signal }
  const rows = await withRetry(() => allRows(client, request), { signal, attempts: 5 })
  return rows.length <= fewDocuments && rows.every(({ key }) => key.startsWith('_design/'))
}

async function write(
  client: Client,
  collection: string,
  all: readonly Sending[],
  { onConflict, fresh, signal }: WriteOptions
): Promise<readonly WriteOutcome[]> {
  const outcomes = new Array<BulkOutcome>(all.length)
  const bulk = createBulk(client, collection, outcomes, signal)
  if (onConflict !== 'overwrite') {
    await bulk(all)
    return onConflict === 'skip' ? outcomes.map(outcome => (isConflict(outcome) ? 'skipped' : outcome)) : outcomes
  }
  let waiting: readonly Sending[] = all
  for (let attempt = 1; waiting.length > 0 && attempt <= overwriteTries; attempt++) {
    const known =
      fresh && attempt === 1
        ? undefined
        : await revisions(
            client,
            collection,
            waiting.map(({ id }) => id),
            signal
          )
    await bulk(known ? waiting.map(one => ({ ...one, text: withRevision(one.text, known.get(one.id)) })) : waiting)
    waiting = waiting.filter(({ index }) => isConflict(outcomes[index])).map(({ index }) => all[index] as Sending)
  }
  for (const { index } of waiting) {
    outcomes[index] = { code: 'DOCFERRY_CONFLICT', message: 'others keep changing this document', retryable: true }
  }
  return outcomes
}
