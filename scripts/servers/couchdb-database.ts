/** One database: bulk writes and `_all_docs` of PouchDB in the form that CouchDB 3.5 gives them. */
import { createHash, randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { newSecurity } from './couchdb-auth.ts'
import type { Security } from './couchdb-auth.ts'
import { attachmentStubs, Refused, validateDocument } from './couchdb-documents.ts'
import { compareIds, isHighId, orderedIds } from './couchdb-ids.ts'
import { isObject, stringifyBody } from './couchdb-json.ts'
import type { JsonObject } from './couchdb-json.ts'
import type { PouchDatabase, PouchOutcome, PouchRow } from './couchdb-pouch.ts'
import { sendPart, startAnswer } from './couchdb-request.ts'
import type { Body, Parameters } from './couchdb-request.ts'
import type { Forbidden } from './couchdb-validation.ts'

export interface Database {
  readonly name: string
  /** Its name in PouchDB: a new one for each creation, so that nothing of a deleted namesake can show. */
  readonly inner: string
  readonly pouch: PouchDatabase
  readonly created: number
  security: Security
  /** Bytes of request bodies stored so far; stands for the real one's sizes. */
  storedBytes: number
  /** Whether a document was written whose id PouchDB has trouble to find in ranges. */
  hasHighIds: boolean
  /** Whether a design document with a validation function was written. */
  hasValidation: boolean
}

/** Below this size of a whole request no document of it can be past the limit. */
const largeRequest = 8_000_000
const rowsPerChunk = 200

export function openDatabase(name: string, inner: string, pouch: PouchDatabase): Database {
  return {
    name,
    inner,
    pouch,
    created: Math.floor(Date.now() / 1000),
    security: newSecurity,
    storedBytes: 0,
    hasHighIds: false,
    hasValidation: false
  }
}

export async function describeDatabase(database: Database): Promise<JsonObject> {
  const { doc_count, update_seq } = await database.pouch.info()
  const size = database.storedBytes
  return {
    instance_start_time: String(database.created),
    db_name: database.name,
    purge_seq: packSequence(database, 0),
    update_seq: packSequence(database, update_seq),
    sizes: { file: size, external: size, active: size },
    props: {},
    doc_del_count: 0,
    doc_count,
    disk_format_version: 8,
    compact_running: false,
    cluster: { q: 2, n: 1, w: 1, r: 1 }
  }
}

export interface BulkOptions {
  readonly prepare?: ((document: JsonObject) => JsonObject) | undefined
  readonly validate?: ((document: JsonObject) => Promise<Forbidden | undefined>) | undefined
}

/**
 * `_bulk_docs`: one bad document refuses all of them, a conflict only itself.
 *
 * @param options `prepare`: what a system database does to a valid document before it is stored; `validate`: the database's own functions
 * @throws {Refused} with nothing written
 */
export async function writeBulk(
  database: Database,
  body: Body,
  { prepare = document => document, validate }: BulkOptions
): Promise<JsonObject[]> {
  const { value, bytes } = body
  if (!isObject(value)) throw new Refused(400, 'bad_request', 'Request body must be a JSON object')
  const { docs, new_edits: newEdits = true } = value
  if (docs === undefined) throw new Refused(400, 'bad_request', 'POST body must include `docs` parameter.')
  if (!Array.isArray(docs)) throw new Refused(400, 'bad_request', '`docs` parameter must be an array.')
  const documents = docs.map(document => validateDocument(document, { mayBeLarge: bytes > largeRequest }))
  if (typeof newEdits !== 'boolean') throw new Refused(400, 'bad_request', '`new_edits` parameter must be a boolean.')
  const forbidden = await Promise.all(documents.map(async document => await validate?.(document)))
  const allowed = documents.filter((_, index) => !forbidden[index])
  const written = await writeDocuments(database, allowed.map(prepare), { newEdits, bytes })
  const refused = forbidden.flatMap((row, index) => (row ? [{ id: documents[index]!['_id'], ...row }] : []))
  if (!newEdits) return [...refused, ...written.filter(outcome => outcome['error'] !== undefined)]
  const rows = written.values()
  return forbidden.map((row, index) => (row ? { id: documents[index]!['_id'], ...row } : rows.next().value!))
}

/** @throws {Refused} with nothing written */
export async function writeDocuments(
  database: Database,
  documents: readonly JsonObject[],
  options: { readonly newEdits: boolean; readonly bytes: number }
): Promise<JsonObject[]> {
  const { newEdits, bytes } = options
  for (const document of documents) {
    document['_id'] ??= randomUUID().replaceAll('-', '')
    if (newEdits) takeRevision(document)
    else if (document['_rev'] === undefined && document['_revisions'] === undefined) {
      throw new Refused(400, 'bad_request', 'When `new_edits: false`, the document needs `_rev` or `_revisions` specified')
    }
    await requireStubs(database, document)
  }
  if (documents.length === 0) return []
  database.hasValidation ||= documents.some(document => document['validate_doc_update'] !== undefined)
  database.hasHighIds ||= documents.some(({ _id }) => isHighId(String(_id)))
  const outcomes = await database.pouch.bulkDocs(documents, { new_edits: newEdits })
  database.storedBytes += bytes
  return outcomes.map(describeOutcome)
}

/** `_revisions` says which revision it builds on, as `_rev` does. */
function takeRevision(document: JsonObject): void {
  const revisions = document['_revisions']
  delete document['_revisions']
  if (document['_rev'] !== undefined || !isObject(revisions)) return
  const { start, ids } = revisions
  if (typeof start !== 'number') throw new Refused(400, 'doc_validation', "_revisions.start isn't an integer.")
  if (!Array.isArray(ids)) throw new Refused(400, 'doc_validation', "_revisions.ids isn't a array.")
  document['_rev'] = `${start}-${String(ids[0])}`
}

async function requireStubs(database: Database, document: JsonObject): Promise<void> {
  const stubs = attachmentStubs(document)
  if (stubs.length === 0) return
  const id = String(document['_id'])
  const held: JsonObject = await database.pouch.get(id, {}).catch(() => ({}))
  const attachments = isObject(held['_attachments']) ? held['_attachments'] : {}
  const missing = stubs.find(name => attachments[name] === undefined)
  if (missing !== undefined) throw new Refused(412, 'missing_stub', `Invalid attachment stub in ${id} for ${missing}`)
}

function describeOutcome(outcome: PouchOutcome): JsonObject {
  const { id, rev, error, name, message } = outcome
  if (error !== true) return { ok: true, id, rev }
  return { id, error: name, reason: name === 'conflict' ? 'Document update conflict.' : message }
}

/** `_id` and `_rev` first, the other special fields last. */
export function orderFields(document: JsonObject): JsonObject {
  const { _id, _rev, ...rest } = document
  const special = Object.entries(rest).filter(([key]) => key.startsWith('_'))
  return { _id, _rev, ...Object.fromEntries(Object.entries(rest).filter(([key]) => !key.startsWith('_'))), ...Object.fromEntries(special) }
}

/**
 * `_all_docs`, or the part of it between two ids, each row on a line of its own. The offset is not the real one's, which counts the rows
 * before the first key.
 */
export async function sendAllDocs(
  database: Database,
  parameters: Parameters,
  response: ServerResponse,
  range: IdRange = allIds
): Promise<void> {
  const { total, offset, rows, updateSequence } = await queryAllDocs(database, parameters, range)
  const withDocuments = parameters.flag('include_docs') ?? false
  startAnswer(response, 200)
  const sequence = updateSequence === undefined ? '' : `,"update_seq":${JSON.stringify(updateSequence)}`
  await sendPart(response, `{"total_rows":${total},"offset":${offset}${sequence},"rows":[\r\n`)
  for (let start = 0; start < rows.length; start += rowsPerChunk) {
    const lines = rows.slice(start, start + rowsPerChunk).map(row => stringifyBody(describeRow(row, withDocuments)))
    await sendPart(response, (start === 0 ? '' : ',\r\n') + lines.join(',\r\n'))
  }
  response.end('\r\n]}\n')
}

/** Ids from the first to the last, both inclusive. */
export interface IdRange {
  readonly first: string
  readonly last: string
}

/** PouchDB ends at U+FFFF where no last id is given, and hides every id past it, such as those that begin with an emoji. */
const allIds: IdRange = { first: '', last: '\u{10ffff}'.repeat(4) }
export const designDocuments: IdRange = { first: '_design/', last: '_design/\u{10ffff}' }

interface AllDocs {
  readonly total: number
  readonly offset: number | null
  readonly rows: readonly PouchRow[]
  readonly updateSequence?: string
}

async function queryAllDocs(database: Database, parameters: Parameters, range: IdRange): Promise<AllDocs> {
  const keys = parameters.json('keys')
  if (keys !== undefined && !Array.isArray(keys)) throw new Refused(400, 'bad_request', '`keys` body member must be an array.')
  const options: JsonObject = {
    include_docs: parameters.flag('include_docs') ?? false,
    conflicts: parameters.flag('conflicts') ?? false,
    attachments: parameters.flag('attachments') ?? false,
    descending: parameters.flag('descending') ?? false,
    skip: parameters.count('skip') ?? 0
  }
  const limit = parameters.count('limit')
  const wantsSequence = parameters.flag('update_seq') ?? false
  const info = await database.pouch.info()
  const updateSequence = wantsSequence ? packSequence(database, info.update_seq) : undefined
  const result = (rows: readonly PouchRow[], offset: number | null): AllDocs => ({ total: info.doc_count, offset, rows, updateSequence })
  if (keys !== undefined) return result(await rowsOfKeys(database, keys, { ...options, limit }), null)

  const key = parameters.json('key')
  const start = key ?? parameters.json('startkey', 'start_key')
  const end = key ?? parameters.json('endkey', 'end_key')
  const skip = Math.min(Number(options['skip']), info.doc_count)
  const descending = options['descending'] === true
  const [first, last] = descending ? [range.last, range.first] : [range.first, range.last]
  if (limit === 0 || info.doc_count === 0) return result([], skip)
  if (database.hasHighIds) {
    const inclusive = parameters.flag('inclusive_end') ?? true
    const bounds = { from: bound(start, first, range), to: bound(end, last, range), inclusive, descending }
    const ids = idsBetween(await orderedIds(database), bounds).slice(skip, limit === undefined ? undefined : skip + limit)
    const { skip: _skip, descending: _descending, ...rest } = options
    return result(ids.length === 0 ? [] : (await database.pouch.allDocs({ ...rest, keys: ids })).rows, skip)
  }
  const found = await database.pouch.allDocs({
    ...options,
    ...(limit === undefined ? {} : { limit }),
    startkey: bound(start, first, range),
    endkey: bound(end, last, range),
    inclusive_end: parameters.flag('inclusive_end') ?? true
  })
  return result(found.rows, skip)
}

function idsBetween(
  ids: readonly string[],
  {
    from,
    to,
    inclusive,
    descending
  }: { readonly from: string; readonly to: string; readonly inclusive: boolean; readonly descending: boolean }
): string[] {
  const way = descending ? -1 : 1
  const isIn = (id: string): boolean => way * compareIds(id, from) >= 0 && way * compareIds(id, to) < (inclusive ? 1 : 0)
  const found = ids.filter(isIn)
  return descending ? found.reverse() : found
}

/** A key that is no text sorts before every id. */
function bound(key: unknown, fallback: string, range: IdRange): string {
  if (key === undefined) return fallback
  return typeof key === 'string' ? key : range.first
}

async function rowsOfKeys(database: Database, keys: readonly unknown[], options: JsonObject): Promise<PouchRow[]> {
  const { skip, limit, descending, ...rest } = options
  const ordered = descending === true ? keys.toReversed() : keys
  const wanted = ordered.slice(Number(skip)).slice(0, limit === undefined ? undefined : Number(limit))
  const known = wanted.filter(key => typeof key === 'string')
  const { rows } = known.length === 0 ? { rows: [] } : await database.pouch.allDocs({ ...rest, keys: known })
  const next = rows[Symbol.iterator]()
  return wanted.map(key => (typeof key === 'string' ? next.next().value! : { key, error: 'not_found' }))
}

function describeRow(row: PouchRow, withDocument: boolean): JsonObject {
  const { id, key, value, doc, error } = row
  if (error !== undefined) return { key, error }
  const described: JsonObject = { id, key, value }
  if (withDocument) described['doc'] = doc === undefined || doc === null ? null : orderFields(doc)
  return described
}

/** An opaque text, as the real one's sequences are, that no client can count with. */
export function packSequence(database: Database, sequence: number): string {
  const hash = createHash('sha256').update(`${database.inner}/${sequence}`).digest('base64url')
  return `${sequence}-g1AAAAB${hash}`
}
