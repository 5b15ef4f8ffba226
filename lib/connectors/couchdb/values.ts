/** Documents as CouchDB holds them: JSON text, with the few values that it would change written as envelopes. */
import { DocferryError } from '../../errors.ts'
import { defaultRules } from '../../types.ts'
import type { Document, Encoded, EncodeRules, OnConversion, Refusal } from '../../types.ts'
import {
  attachmentsOf,
  bytesMissing,
  Decimal,
  Double,
  escapeName,
  isEscapedName,
  isOrdinary,
  isWellFormed,
  pathText,
  plainDocument,
  stringifySpecial,
  sumOfAttachments,
  withAttachments
} from '../../values/index.ts'
import type { NamedAttachment, NameRules, Scalar } from '../../values/index.ts'
import { checkId, countedBytes, mostCounted } from './limits.ts'
import { formatCount } from '../../values/format-count.ts'

/** What of a server's and a database's own decides how documents are written. */
export interface DatabaseRules {
  /** Most bytes of a document's JSON, its `_id` not counted. */
  readonly maxDocumentBytes: number
  readonly partitioned: boolean
  /** PouchDB behind CouchDB's protocol: its numbers are JavaScript's, and it drops a field named `__proto__`. */
  readonly pouchdb: boolean
}

/** JSON; as bytes it is UTF-8. */
export type Text = string | Buffer

/** @returns JSON text as CouchDB takes it, or why it would not */
export function encodeDocument(
  document: Document,
  database: DatabaseRules,
  rules: EncodeRules = defaultRules,
  onConversion?: OnConversion
): Encoded<string> | Refusal {
  const id = document._id
  const stored = storedId(id, database, rules)
  if (typeof stored !== 'string') return stored
  let text: string
  try {
    text = encodeText(stored === id ? document : { ...document, _id: stored }, database, rules, onConversion)
  } catch (error) {
    if (error instanceof Unfit) return error.refusal
    if (error instanceof DocferryError) return { code: error.code, message: error.message }
    throw error
  }
  if (stored !== id) onConversion?.('id', 'escaped', () => '_id')
  const bytes = Buffer.byteLength(text)
  const most = database.maxDocumentBytes
  const encoded = new EncodedText(id, text, bytes, stored)
  // Counting as CouchDB does takes a while.
  if (bytes * mostCounted <= most) return encoded
  const { size } = encoded
  if (size <= most) return encoded
  return { code: 'DOCFERRY_TOO_LARGE', message: `${formatCount(size)} bytes; CouchDB takes ${formatCount(most)} (max_document_size)` }
}

class EncodedText implements Encoded<string> {
  readonly id: string
  readonly payload: string
  readonly bytes: number
  readonly #stored: string

  constructor(id: string, payload: string, bytes: number, stored: string) {
    this.id = id
    this.payload = payload
    this.bytes = bytes
    this.#stored = stored
  }

  /** Only a survey asks it of each document. */
  get size(): number {
    return countedBytes(this.payload) - countedBytes(`"_id":${JSON.stringify(this.#stored)},`)
  }
}

/** See `LineEncoder.encode`; of a line without other names that begin with an underscore. */
export function encodeLine(id: string, line: Buffer, database: DatabaseRules): Encoded<Text> | undefined {
  const bytes = line.length
  // Of a name that is written with escapes nothing shows.
  const mayBeDropped = database.pouchdb && (line.includes('__proto__') || line.includes('\\u'))
  if (bytes * mostCounted > database.maxDocumentBytes || mayBeDropped || checkId(id, database.partitioned)) return undefined
  return { id, bytes, payload: line }
}

/** A document that CouchDB takes with its attachments, all at once. */
export interface EncodedWhole extends Encoded<Text> {
  readonly attachments?: readonly NamedAttachment[]
}

/** The same where attachments are a part of the document. */
export function encodeWhole(
  document: Document,
  database: DatabaseRules,
  rules: EncodeRules,
  onConversion?: OnConversion
): EncodedWhole | Refusal {
  if (document['_attachments'] === undefined) return encodeDocument(document, database, rules, onConversion)
  const attachments = readableAttachments(document)
  if ('code' in attachments) return attachments
  const encoded = encodeDocument(withAttachments(document, []), database, rules, onConversion)
  if ('code' in encoded || attachments.length === 0) return encoded
  const attached = sumOfAttachments(attachments)
  const { bytes, payload, size } = encoded
  return { id: encoded.id, payload, size, bytes: bytes + attached.bytes, attached, attachments }
}

function readableAttachments(document: Document): readonly NamedAttachment[] | Refusal {
  const refuse = (message: string): Refusal => ({ code: 'DOCFERRY_BAD_VALUE', message, path: '_attachments' })
  let attachments: readonly NamedAttachment[]
  try {
    attachments = attachmentsOf(document)
  } catch (error) {
    if (error instanceof DocferryError) return refuse(error.message)
    throw error
  }
  const own = attachments.find(({ name }) => name.startsWith('_') || !isWellFormed(name))
  if (own) return refuse(`an attachment named ${JSON.stringify(own.name)}: CouchDB keeps names that start with an underscore for itself`)
  return attachments.some(({ open }) => open === undefined) ? refuse(bytesMissing) : attachments
}

/** The id under which CouchDB holds a document, or why it can't. */
export function storedId(id: string, { partitioned }: Pick<DatabaseRules, 'partitioned'>, { escapeNames }: EncodeRules): string | Refusal {
  const refusal = checkId(id, partitioned)
  const isTaken = isEscapedName(id, refusesId)
  if (!refusal && !isTaken) return id
  if (refusal && !escapeNames && !isTaken) return refusal
  const escaped = escapeName(id)
  return checkId(escaped, partitioned) ?? escaped
}

/** Which names CouchDB, or PouchDB, refuses. */
export function nameRules(pouchdb: boolean): NameRules {
  return { refusesId, refusesField: (name, depth) => nameProblem(name, depth, pouchdb) !== undefined }
}

function refusesId(id: string): boolean {
  return checkId(id, false) !== undefined
}

/** Leaves an encoding with what is wrong. */
class Unfit extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.message)
    this.refusal = refusal
  }
}

/** @throws {Unfit | DocferryError} */
function encodeText(document: Document, { pouchdb }: DatabaseRules, rules: EncodeRules, onConversion?: OnConversion): string {
  const plain = rules.types === 'plain'
  if (isOrdinary(document) && !hasOddName(document)) {
    const text = JSON.stringify(document)
    // JSON.stringify escapes a surrogate only if it stands alone; an escaped backslash before "ud" looks the same.
    if (!text.includes('\\ud') && !(pouchdb && text.includes('"__proto__"'))) return text
  }
  const fits = (value: Scalar): boolean => !isUnfit(value, pouchdb) && !(typeof value === 'number' && !Number.isFinite(value))
  return stringifySpecial(plain ? plainDocument(document, { fits, onConversion }) : document, {
    bareMaps: plain,
    isUnfit(value, path) {
      if (plain && typeof value === 'string' && !isWellFormed(value)) throw unfit('DOCFERRY_BAD_VALUE', halfSurrogate, path)
      return !fits(value) || (rules.types === 'exact' && isMerged(value, true))
    },
    isMerged: value => isMerged(value, pouchdb),
    nameOf(name, depth, path) {
      if (isEscapedName(name, each => nameProblem(each, depth, pouchdb) !== undefined)) return escapeName(name)
      const problem = nameProblem(name, depth, pouchdb)
      if (problem === undefined) return name
      if (rules.escapeNames) return escapeName(name)
      throw unfit('DOCFERRY_BAD_FIELD', problem, path)
    },
    onConversion
  })
}
/**
 * The text of an encoded document as a change of the revision that the database holds.
 *
 * @param attachments stubs of those that it is to keep
 */
export function withRevision(text: Text, revision: string | undefined, attachments?: unknown): Text {
  if (revision === undefined) return text
  const kept = attachments === undefined ? '' : `"_attachments":${JSON.stringify(attachments)},`
  return `{"_rev":${JSON.stringify(revision)},${kept}${text.toString().trimStart().slice(1)}`
}

/** The fields that are CouchDB's own, not the document's. Changes the document it gets. */
export function withoutMetadata(document: Document): Document {
  for (const field of Object.keys(document)) if (field.startsWith('_') && field !== '_id') delete document[field]
  return document
}

const halfSurrogate = 'half of a surrogate pair, which is no Unicode text; CouchDB refuses it'
const underscore = 95

function unfit(code: Refusal['code'], message: string, path: readonly (string | number)[]): Unfit {
  return new Unfit({ code, message, path: pathText(path).replace(/\p{Surrogate}/gu, '\ufffd') })
}

/**
 * Why a field can't have this name. CouchDB keeps every top-level name that starts with an underscore for itself, and refuses a whole batch for
 * one it doesn't know. Those it knows don't mean data: `_deleted` would delete, `_rev` and `_attachments` speak of what another database holds.
 */
function nameProblem(name: string, depth: number, pouchdb: boolean): string | undefined {
  if (depth === 0 && name.charCodeAt(0) === underscore && name !== '_id')
    return 'CouchDB keeps top-level fields that start with an underscore for itself; rename or drop it'
  if (pouchdb && name === '__proto__') return 'a field named __proto__, which PouchDB drops'
  return !isWellFormed(name) ? halfSurrogate : undefined
}

/** Whether a top-level name has to be looked at. */
function hasOddName(document: Document): boolean {
  for (const field in document) {
    if (field.charCodeAt(0) === underscore && field !== '_id' && document[field] !== undefined) return true
  }
  return false
}

/** Whether CouchDB would give back something else than was sent as plain text or digits: it reads decimals as doubles. */
function isUnfit(value: Scalar, pouchdb: boolean): boolean {
  if (typeof value === 'string') return !isWellFormed(value)
  // CouchDB takes the logarithm of an integer to measure it, which fails past the doubles.
  return value instanceof Decimal || (typeof value === 'bigint' && (pouchdb || !Number.isFinite(Number(value))))
}

/**
 * Whether a number may come back as an equal one of another kind: `-0` is the integer 0 to CouchDB, and `1.0` stays what it is only until a
 * server or a replication partner that is written in JavaScript gets hold of it.
 *
 * @param javascript whether one is reckoned with
 */
function isMerged(value: Scalar, javascript: boolean): boolean {
  if (Object.is(value, -0)) return true
  return javascript && (value instanceof Double || (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)))
}
