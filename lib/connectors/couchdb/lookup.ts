/** Looks documents up by id. */
import { DocferryError } from '../../errors.ts'
import type { Document, Held, OpenContext, Target } from '../../types.ts'
import { parseJson, restoreNames } from '../../values/index.ts'
import type { Value } from '../../values/index.ts'
import { escapeSign, readRows } from './all-docs.ts'
import type { Row } from './all-docs.ts'
import { describeAttachments } from './attachments.ts'
import type { Client } from './client.ts'
import { AnswerError, brokenAnswer } from './errors.ts'
import { nameRules, withoutMetadata } from './values.ts'

type Request = Parameters<Client['chunks']>[0]

export interface LookupOptions {
  /** What CouchDB calls a document; undefined for an id that it refuses, and can't be asked for. */
  readonly nameOf: (id: string) => string | undefined
  /** Whether documents are given with their attachments. */
  readonly attachments?: OpenContext['attachments']
  readonly signal?: AbortSignal
}

/** What tells one state of a document from another, and the id under which CouchDB holds it. */
export interface Revision {
  readonly id: string
  readonly revision: string
  /** Stubs of its attachments: with them, a document that is put in its place keeps these. */
  readonly attachments?: unknown
}

export async function allRows(client: Client, request: Request): Promise<Row[]> {
  const found: Row[] = []
  for await (const { rows } of readRows(client.chunks(request), request.asked)) found.push(...rows)
  return found
}

/** Documents that are there, with stubs of their attachments. @param ids as CouchDB holds them */
export async function heldRows(client: Client, collection: string, ids: readonly string[], signal?: AbortSignal): Promise<readonly Row[]> {
  return (await lookUp(client, collection, ids, { wholes: true, signal })).filter(({ deleted }) => !deleted)
}

/** What stands under an id: what it takes to put another document in its place. */
export interface Standing {
  readonly revision: string
  /** Stubs of its attachments; with `wholes` only. */
  readonly attachments?: unknown
  /** With `wholes`: whether it can't be read, so that nothing is known of its attachments. */
  readonly isUnread?: boolean
}

/** @param ids as CouchDB holds them; @param wholes whether attachments are asked for, which come only with the documents */
export async function standing(
  client: Client,
  collection: string,
  ids: readonly string[],
  { wholes, signal }: LookingUp
): Promise<ReadonlyMap<string, Standing>> {
  if (!wholes) return new Map([...(await revisions(client, collection, ids, signal))].map(([id, revision]) => [id, { revision }]))
  const found = new Map<string, Standing>()
  for (const { key, revision, document, deleted } of await lookUp(client, collection, ids, { wholes, signal })) {
    if (deleted) continue
    if (typeof document?._rev === 'string') found.set(key, { revision: document._rev, attachments: document['_attachments'] })
    else if (revision !== undefined) found.set(key, { revision, isUnread: true })
  }
  return found
}

/** The revisions of those of the documents that exist. @param ids as CouchDB holds them */
export async function revisions(
  client: Client,
  collection: string,
  ids: readonly string[],
  signal?: AbortSignal
): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const { key, revision, deleted } of await lookUp(client, collection, ids, { wholes: false, signal })) {
    if (revision !== undefined && !deleted) found.set(key, revision)
  }
  return found
}

/** The winning revisions of those of the ids of which the database holds a document or a deletion. @param ids as CouchDB holds them */
export async function lookUpRevisions(
  client: Client,
  collection: string,
  ids: readonly string[],
  signal?: AbortSignal
): Promise<Map<string, { readonly revision: string; readonly deleted: boolean }>> {
  const rows = ids.length === 0 ? [] : await lookUp(client, collection, ids, { wholes: false, code: 'DOCFERRY_READ', signal })
  return new Map(rows.flatMap(({ key, revision, deleted = false }) => (revision === undefined ? [] : [[key, { revision, deleted }]])))
}

/** See `Target.get`. */
export async function get(
  client: Client,
  collection: string,
  ids: readonly string[],
  { idsOnly = false, nameOf, attachments, signal }: Parameters<Target['get']>[2] & LookupOptions
): Promise<readonly Document[]> {
  const asIs = ownIds(ids, nameOf)
  const found: Document[] = []
  const rows = await held(client, collection, asIs, { wholes: !idsOnly, signal })
  const attached = attachments && (await attachmentsIn(client, collection, rows, attachments, signal))
  for (const { key, revision, document, deleted, hasEscapes } of rows) {
    if (deleted) continue
    if (idsOnly && revision !== undefined) found.push({ _id: asIs.get(key) ?? key })
    else if (document) found.push(ownDocument(document, client.pouchdb, hasEscapes, attached?.get(key)))
  }
  return found
}

/** See `Target.look`. */
export async function look(
  client: Client,
  collection: string,
  ids: readonly string[],
  { nameOf, attachments: how, signal }: LookupOptions
): Promise<readonly Held<Revision>[]> {
  const asIs = ownIds(ids, nameOf)
  const found: Held<Revision>[] = []
  const rows = await held(client, collection, asIs, { wholes: true, signal })
  const attached = how && (await attachmentsIn(client, collection, rows, how, signal))
  for (const { key, document, deleted, hasEscapes, error } of rows) {
    if (deleted || (!document && error === 'not_found')) continue
    const revision = document?._rev
    if (!document || typeof revision !== 'string') throw unreadable(client, collection, key, error)
    const attachments = document['_attachments']
    // Where attachments are a part of the document, nothing is kept beside it.
    const isBeside = attachments !== undefined && !attached
    const version = { id: key, revision, ...(isBeside && { attachments }) }
    const besides = isBeside ? { besides: 'attachments' } : {}
    found.push({ document: ownDocument(document, client.pouchdb, hasEscapes, attached?.get(key)), version, ...besides })
  }
  return found
}

/** A document as it comes back from the text of which it was written. */
export function decodeText(text: string, pouchdb: boolean): Document {
  return ownDocument(parseJson(text) as Document, pouchdb, text.includes(escapeSign))
}

/** What was given to be written, of what CouchDB gives back. Changes the document it gets. */
function ownDocument(document: Document, pouchdb: boolean, hasEscapes: boolean | undefined, attached?: Value): Document {
  const own = withoutMetadata(document)
  const restored = hasEscapes ? restoreNames(own, nameRules(pouchdb)) : own
  return attached === undefined ? restored : { ...restored, _attachments: attached }
}

/** What the documents have attached, by the ids that CouchDB holds. */
async function attachmentsIn(
  client: Client,
  collection: string,
  rows: readonly Row[],
  how: NonNullable<OpenContext['attachments']>,
  signal: AbortSignal | undefined
): Promise<ReadonlyMap<string, Value>> {
  const documents = rows.flatMap(({ document, deleted }) => (document && !deleted ? [document] : []))
  const described = await describeAttachments(client, collection, documents, how, { signal })
  return new Map(
    described.flatMap(({ document, error }) => {
      if (error) throw unreadable(client, collection, document._id, error.message)
      const attached = document['_attachments']
      return attached === undefined ? [] : [[document._id, attached] as const]
    })
  )
}

/** The documents' own ids by those that CouchDB holds. */
function ownIds(ids: readonly string[], nameOf: LookupOptions['nameOf']): Map<string, string> {
  return new Map(
    ids.flatMap(id => {
      const stored = nameOf(id)
      return stored === undefined ? [] : [[stored, id]]
    })
  )
}

interface LookingUp {
  /** Whether the documents are wanted, and not only their revisions. */
  readonly wholes: boolean
  /** Of the error where the database does not answer. Default DOCFERRY_TARGET */
  readonly code?: 'DOCFERRY_READ' | 'DOCFERRY_TARGET'
  readonly signal?: AbortSignal
}

/** Rows for the ids; none where there is no database: a dry run asks before one is made. */
async function held(client: Client, collection: string, ids: ReadonlyMap<string, string>, options: LookingUp): Promise<readonly Row[]> {
  if (ids.size === 0) return []
  try {
    return await lookUp(client, collection, [...ids.keys()], options)
  } catch (error) {
    if (error instanceof AnswerError && error.answer.status === 404) return []
    throw error
  }
}

async function lookUp(
  client: Client,
  collection: string,
  ids: readonly string[],
  { wholes, code = 'DOCFERRY_TARGET', signal }: LookingUp
): Promise<Row[]> {
  const asked = client.asked(`looking up documents of ${collection}`, code, collection)
  const path = `/${encodeURIComponent(collection)}/_all_docs?include_docs=${wholes}`
  const rows = await allRows(client, { method: 'POST', path, body: JSON.stringify({ keys: ids }), asked, signal })
  if (rows.length !== ids.length) throw brokenAnswer(asked, `has ${rows.length} rows for ${ids.length} ids`)
  return rows
}

/** Left out, it would count as one that is not there. */
function unreadable(client: Client, collection: string, id: string, why = 'no revision'): DocferryError {
  const message = `${client.address} holds a document in ${collection} that can't be read (${why}); its id is ${JSON.stringify(id)}`
  return new DocferryError('DOCFERRY_DECODE', message, { provider: 'couchdb', collection })
}
