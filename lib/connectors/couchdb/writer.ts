/** Writes by `_bulk_docs`, and looks documents up. */
import { withRetry } from '../../engine/retry.ts'
import { DocferryError } from '../../errors.ts'
import { defaultRules } from '../../types.ts'
import type { Document, EncodeRules, Prepared, Target, WriteOptions, WriteOutcome } from '../../types.ts'
import { restoreNames } from '../../values/index.ts'
import { allDocsRequest, readRows } from './all-docs.ts'
import type { Row } from './all-docs.ts'
import type { Client, DatabaseInfo } from './client.ts'
import { AnswerError, brokenAnswer, mayBeOneDocument, writeFailure } from './errors.ts'
import { checkDatabaseName, targetLimits } from './limits.ts'
import { locate } from './options.ts'
import { encodeDocument, nameRules, storedId, withoutMetadata, withRevision } from './values.ts'
import type { DatabaseRules } from './values.ts'

/** How often an overwrite looks for the present revision, when others change the document at the same time. */
const overwriteTries = 5
/** A server that fails so often in a row, and takes nothing in between, does not fail for a single document. */
const failuresInARow = 24
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

async function allRows(client: Client, request: Parameters<Client['chunks']>[0]): Promise<Row[]> {
  const found: Row[] = []
  for await (const { rows } of readRows(client.chunks(request), request.asked)) found.push(...rows)
  return found
}

/** A document under way: its place in the caller's batch, and what is sent for it. */
interface Sending {
  readonly index: number
  readonly id: string
  readonly text: string
}

async function write(
  client: Client,
  collection: string,
  all: readonly Sending[],
  { onConflict, fresh, signal }: WriteOptions
): Promise<readonly WriteOutcome[]> {
  const outcomes = new Array<WriteOutcome>(all.length)
  const bulk = createBulk(client, collection, outcomes, signal)
  if (onConflict !== 'overwrite') {
    await bulk(all)
    return onConflict === 'skip' ? outcomes.map(outcome => (isConflict(outcome) ? 'skipped' : outcome)) : outcomes
  }
  let waiting: readonly Sending[] = all
  for (let attempt = 1; waiting.length > 0 && attempt <= overwriteTries; attempt++) {
    const known = fresh && attempt === 1 ? undefined : await revisions(client, collection, waiting, signal)
    await bulk(known ? waiting.map(one => ({ ...one, text: withRevision(one.text, known.get(one.id)) })) : waiting)
    waiting = waiting.filter(({ index }) => isConflict(outcomes[index])).map(({ index }) => all[index] as Sending)
  }
  for (const { index } of waiting) {
    outcomes[index] = { code: 'DOCFERRY_CONFLICT', message: 'others keep changing this document', retryable: true }
  }
  return outcomes
}

function isConflict(outcome: WriteOutcome | undefined): boolean {
  return typeof outcome === 'object' && outcome.code === 'DOCFERRY_CONFLICT'
}

/** The revisions of those of the documents that exist. */
async function revisions(
  client: Client,
  collection: string,
  documents: readonly Sending[],
  signal?: AbortSignal
): Promise<Map<string, string>> {
  const asked = client.asked(`looking up documents of ${collection}`, 'DOCFERRY_TARGET', collection)
  const found = new Map<string, string>()
  for (const { key, revision, deleted } of await lookUp(
    client,
    collection,
    documents.map(({ id }) => id),
    false,
    { asked, signal }
  )) {
    if (revision !== undefined && !deleted) found.set(key, revision)
  }
  return found
}

async function lookUp(
  client: Client,
  collection: string,
  ids: readonly string[],
  include_docs: boolean,
  request: Pick<Parameters<Client['chunks']>[0], 'asked' | 'signal'>
): Promise<Row[]> {
  const path = `/${encodeURIComponent(collection)}/_all_docs?include_docs=${include_docs}`
  const rows = await allRows(client, { method: 'POST', path, body: JSON.stringify({ keys: ids }), ...request })
  if (rows.length !== ids.length) throw brokenAnswer(request.asked, `has ${rows.length} rows for ${ids.length} ids`)
  return rows
}

/**
 * What sends documents and fills in their outcomes.
 *
 * CouchDB refuses a whole batch for one document that it can't take, and writes nothing of it. Such a batch is sent again in halves,
 * down to the documents that are refused alone.
 */
function createBulk(
  client: Client,
  collection: string,
  outcomes: WriteOutcome[],
  signal?: AbortSignal
): (batch: readonly Sending[]) => Promise<void> {
  const asked = client.asked(`writing to ${collection}`, 'DOCFERRY_TARGET', collection)
  const path = `/${encodeURIComponent(collection)}/_bulk_docs`
  let failures = 0
  return async function bulk(batch) {
    if (batch.length === 0) return
    const body = `{"docs":[${batch.map(({ text }) => text).join(',')}]}`
    let text: string
    try {
      text = await client.text({ method: 'POST', path, body, asked, signal })
    } catch (error) {
      if (!(error instanceof AnswerError) || !mayBeOneDocument(error)) throw error
      const { status, error: name, reason } = error.answer
      if (status >= 500 && ++failures >= failuresInARow) throw error
      if (batch.length > 1) {
        const half = batch.length >> 1
        await bulk(batch.slice(0, half))
        return bulk(batch.slice(half))
      }
      outcomes[(batch[0] as Sending).index] = writeFailure(name, reason, status)
      return
    }
    failures = 0
    const answers = parseAnswers(text)
    if (answers?.length !== batch.length)
      throw brokenAnswer(asked, `says what became of ${answers?.length ?? 0} of ${batch.length} documents`)
    for (const [at, { id, error, reason, ok, rev }] of answers.entries()) {
      const sent = batch[at] as Sending
      if (id !== undefined && id !== sent.id) throw brokenAnswer(asked, 'is in another order than the documents')
      const isWritten = error === undefined && (ok === true || typeof rev === 'string')
      outcomes[sent.index] = isWritten ? 'written' : writeFailure(error, reason)
    }
  }
}

interface BulkAnswer {
  readonly id?: string
  readonly ok?: boolean
  readonly rev?: string
  readonly error?: string
  readonly reason?: string
}

/** @returns `undefined` for what is no whole answer */
function parseAnswers(text: string): readonly BulkAnswer[] | undefined {
  try {
    const answers: unknown = JSON.parse(text)
    return Array.isArray(answers) && answers.every(answer => typeof answer === 'object' && answer !== null) ? answers : undefined
  } catch {
    // Not whole: its length then says so.
    return undefined
  }
}

async function get(
  client: Client,
  collection: string,
  ids: readonly string[],
  { idsOnly = false, nameOf, signal }: Parameters<Target['get']>[2] & { readonly nameOf: (id: string) => string | undefined }
): Promise<readonly Document[]> {
  const asIs = new Map(ids.map(id => [nameOf(id), id]))
  asIs.delete(undefined)
  if (asIs.size === 0) return []
  const asked = client.asked(`looking up documents of ${collection}`, 'DOCFERRY_TARGET', collection)
  const found: Document[] = []
  let rows: readonly Row[]
  try {
    rows = await lookUp(client, collection, [...asIs.keys()] as string[], !idsOnly, { asked, signal })
  } catch (error) {
    // A dry run asks before there is a database: none of the documents is there.
    if (error instanceof AnswerError && error.answer.status === 404) return []
    throw error
  }
  for (const { key, revision, document, deleted, hasEscapes } of rows) {
    if (deleted) continue
    if (idsOnly && revision !== undefined) found.push({ _id: asIs.get(key) ?? key })
    else if (document)
      found.push(hasEscapes ? restoreNames(withoutMetadata(document), nameRules(client.pouchdb)) : withoutMetadata(document))
  }
  return found
}
