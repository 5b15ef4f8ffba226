/** What CouchDB 3.5 refuses of a document, in its order and with its words: src/couch/src/couch_doc.erl of Apache CouchDB. */
import { isObject, plainKey, stringifyBody } from './couchdb-json.ts'
import type { JsonObject } from './couchdb-json.ts'

/** An answer of the server that is no success. */
export class Refused extends Error {
  readonly status: number
  readonly error: string
  readonly reason: string
  constructor(status: number, error: string, reason: string) {
    super(`${error}: ${reason}`)
    this.status = status
    this.error = error
    this.reason = reason
  }
}

const maxDocumentBytes = 8_000_000
/** Taken and dropped. */
const ignoredFields = new Set(['_revs_info', '_local_seq', '_conflicts', '_deleted_conflicts'])
const replicatorFields = new Set([
  '_replication_state',
  '_replication_state_time',
  '_replication_state_reason',
  '_replication_id',
  '_replication_stats'
])

/**
 * The document without its ignored fields.
 *
 * @param mayBeLarge whether it may be past the size limit at all: measuring each is slow
 * @throws {Refused}
 */
export function validateDocument(value: unknown, options: { readonly mayBeLarge: boolean }): JsonObject {
  if (!isObject(value)) throw new Refused(400, 'bad_request', 'Document must be a JSON object')
  const document: JsonObject = {}
  for (const [name, field] of Object.entries(value)) {
    const key = plainKey(name)
    if (key.startsWith('_')) validateSpecial(key, field)
    if (!ignoredFields.has(key)) document[name] = field
  }
  if (options.mayBeLarge && bodyBytes(document) > maxDocumentBytes) {
    throw new Refused(413, 'document_too_large', typeof document['_id'] === 'string' ? document['_id'] : '')
  }
  validateAttachments(document)
  return document
}

function validateSpecial(key: string, field: unknown): void {
  switch (key) {
    case '_id':
      return validateId(field)
    case '_rev':
      return validateRev(field)
    case '_attachments':
    case '_revisions':
      if (isObject(field)) return
      break
    case '_deleted':
      if (typeof field === 'boolean') return
      break
    default:
      if (ignoredFields.has(key) || replicatorFields.has(key)) return
  }
  throw new Refused(400, 'doc_validation', `Bad special document member: ${key}`)
}

export function validateId(id: unknown): void {
  if (typeof id !== 'string') throw new Refused(400, 'illegal_docid', 'Document id must be a string')
  if (id === '') throw new Refused(400, 'illegal_docid', 'Document id must not be empty')
  if (id === '_design/' || id === '_local/') throw new Refused(400, 'illegal_docid', `Illegal document id \`${id}\``)
  if (id.startsWith('_') && !/^_(design|local)\//.test(id)) {
    throw new Refused(400, 'illegal_docid', 'Only reserved document ids may start with underscore.')
  }
}

function validateRev(rev: unknown): void {
  const match = typeof rev === 'string' ? /^\+?(\d+)-([^]*)$/.exec(rev) : null
  const badHash = match !== null && Number(match[1]) !== 0 && match[2]!.length === 32 && !/^[0-9a-fA-F]{32}$/.test(match[2]!)
  if (match === null || badHash) throw new Refused(400, 'bad_request', 'Invalid rev format')
}

/** Size without `_id`, `_rev` and the like. */
function bodyBytes(document: JsonObject): number {
  return valueBytes(Object.fromEntries(Object.entries(document).filter(([key]) => !key.startsWith('_'))))
}

/** Size as couch_ejson_size.erl counts it: strings without escapes, fractions by a guess, integers by their logarithm. */
function valueBytes(value: unknown): number {
  if (Array.isArray(value)) return value.length === 0 ? 2 : 1 + sum(value.map(element => valueBytes(element) + 1))
  if (isObject(value)) {
    const members = Object.entries(value)
    return members.length === 0 ? 2 : 1 + sum(members.map(([key, member]) => 2 + Buffer.byteLength(plainKey(key)) + valueBytes(member) + 2))
  }
  const text = stringifyBody(value)
  if (typeof value === 'string' && text.startsWith('"')) return 2 + Buffer.byteLength(value)
  if (/^-?\d.*[.e]/.test(text)) return floatBytes(Number(text))
  return /^-?\d/.test(text) ? integerBytes(text) : text.length
}

/** From 10,000 on by the logarithm, which may be that of the power of ten above. */
function integerBytes(text: string): number {
  if (text.startsWith('-')) return 1 + integerBytes(text.slice(1))
  return text.length < 5 ? text.length : 1 + Math.trunc(Math.log10(Number(text)))
}

function floatBytes(float: number): number {
  if (float < 0) return 1 + floatBytes(-float)
  if (float < 1) return float <= 1e-300 ? 3 : float <= 1e-100 ? 6 : float <= 1e-10 ? 5 : float <= 0.01 ? 4 : 3
  return float >= 1e100 ? 5 : float >= 1e10 ? 4 : 3
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function validateAttachments(document: JsonObject): void {
  const attachments = document['_attachments']
  if (!isObject(attachments)) return
  for (const [name, attachment] of Object.entries(attachments)) {
    if (name.startsWith('_')) throw new Refused(400, 'bad_request', `Attachment name '${name}' starts with prohibited character '_'`)
    if (!isObject(attachment) || attachment['stub'] === true || attachment['follows'] === true) continue
    const data = attachment['data']
    if (typeof data !== 'string' || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(data)) {
      throw new Refused(400, 'bad_request', `Invalid attachment data for ${name}`)
    }
  }
}

/** Names of the attachments that say "as it was", for which the document must have been there. */
export function attachmentStubs(document: JsonObject): string[] {
  const attachments = document['_attachments']
  if (!isObject(attachments)) return []
  return Object.entries(attachments).flatMap(([name, attachment]) => (isObject(attachment) && attachment['stub'] === true ? [name] : []))
}

const systemDatabases = new Set(['_users', '_replicator', '_global_changes'])
/** What is left of a file name's 255 bytes beside the time stamp and the ending. */
const maxNameBytes = 238

export function validateDatabaseName(name: string): void {
  if (name.split('/').some(part => part.length > maxNameBytes)) {
    throw new Refused(400, 'database_name_too_long', `At least one path segment of \`${name}\` is too long.`)
  }
  if (/^[a-z][a-z0-9_$()+/-]*$/.test(name) || systemDatabases.has(name)) return
  throw new Refused(
    400,
    'illegal_database_name',
    `Name: '${name}'. Only lowercase characters (a-z), digits (0-9), and any of the characters _, $, (, ), +, -, and / are allowed. ` +
      'Must begin with a letter.'
  )
}
