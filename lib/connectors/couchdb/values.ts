/** Documents as CouchDB holds them: JSON text, with the few values that its numbers would change written as envelopes. */
import { randomUUID } from 'node:crypto'
import { DocferryError } from '../../errors.ts'
import type { Document, Encoded, Refusal, Value } from '../../types.ts'
import { Decimal, GeoPoint, setField, stringifyJson, toEnvelope, ValueSet, Vector } from '../../values/index.ts'
import { checkId } from './limits.ts'

export interface EncodeRules {
  /** Most bytes of a document's JSON, its `_id` not counted. */
  readonly maxDocumentBytes: number
  readonly partitioned: boolean
  /** PouchDB behind CouchDB's protocol: its numbers are JavaScript's, and it drops a field named `__proto__`. */
  readonly pouchdb: boolean
}

/** @returns JSON text as CouchDB takes it, or why it would not */
export function encodeDocument(document: Document, rules: EncodeRules): Encoded<string> | Refusal {
  const id = document._id
  const refusal = checkId(id, rules.partitioned) ?? checkTopLevel(document)
  if (refusal) return refusal
  let text: string
  try {
    text = stringifyJson(document)
    if (needsCare(document, rules.pouchdb)) text = stringifyWithCare(document, rules.pouchdb)
  } catch (error) {
    if (error instanceof DocferryError) return { code: error.code, message: error.message }
    throw error
  }
  // JSON.stringify escapes a surrogate only if it stands alone; an escaped backslash before "ud" looks the same.
  if (text.includes('\\ud')) {
    const found = findText(document, isIllFormed, '')
    if (found) return illFormed(found)
  }
  if (rules.pouchdb && text.includes('"__proto__"')) {
    const found = findText(document, key => key === '__proto__', '')
    if (found?.isName) return { code: 'DOCFERRY_BAD_FIELD', message: 'a field named __proto__, which PouchDB drops', path: found.path }
  }
  const bytes = Buffer.byteLength(text)
  if (bytes > rules.maxDocumentBytes) {
    const counted = bytes - Buffer.byteLength(`"_id":${JSON.stringify(id)},`)
    const most = rules.maxDocumentBytes
    const message = `${grouped(counted)} bytes; CouchDB takes ${grouped(most)} (max_document_size)`
    if (counted > most) return { code: 'DOCFERRY_TOO_LARGE', message }
  }
  return { id, bytes, payload: text }
}

/** The text of an encoded document as a change of the revision that the database holds. */
export function withRevision(text: string, revision: string | undefined): string {
  return revision === undefined ? text : `{"_rev":${JSON.stringify(revision)},${text.slice(1)}`
}

/** The fields that are CouchDB's own, not the document's. Changes the document it gets. */
export function withoutMetadata(document: Document): Document {
  for (const field of Object.keys(document)) if (field.startsWith('_') && field !== '_id') delete document[field]
  return document
}

/**
 * CouchDB keeps every top-level name that starts with an underscore for itself, and refuses a whole batch for one it doesn't know. Those it
 * knows don't mean data: `_deleted` would delete, `_rev` and `_attachments` speak of what another database holds.
 */
function checkTopLevel(document: Document): Refusal | undefined {
  for (const field in document) {
    if (field.charCodeAt(0) === underscore && field !== '_id' && document[field] !== undefined) {
      return {
        code: 'DOCFERRY_BAD_FIELD',
        message: 'CouchDB keeps top-level fields that start with an underscore for itself; rename or drop it',
        path: field
      }
    }
  }
  return undefined
}

const underscore = 95
const smallestNormal = 2.2250738585072014e-308

/** Whether CouchDB would give back another number than the one sent as plain digits. */
function isChanged(value: Value, pouchdb: boolean): boolean {
  switch (typeof value) {
    case 'number':
      return value !== 0 && value < smallestNormal && value > -smallestNormal
    case 'bigint':
      return pouchdb
    default:
      return value instanceof Decimal
  }
}

function needsCare(value: Value, pouchdb: boolean): boolean {
  if (typeof value === 'string') return false
  if (typeof value !== 'object') return isChanged(value, pouchdb)
  if (value === null) return false
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) if (needsCare(value[index] as Value, pouchdb)) return true
    return false
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    if (value instanceof ValueSet) return value.members.some(member => needsCare(member, pouchdb))
    if (value instanceof Vector) return value.values.some(number => isChanged(number, pouchdb))
    if (value instanceof Decimal) return true
    if (value instanceof Uint8Array) return false
  }
  const map = value as { [key: string]: Value }
  for (const key in map) if (needsCare(map[key] as Value, pouchdb)) return true
  return false
}

/** Marks the places of numbers that `stringifyJson` doesn't write as CouchDB needs them; no document holds it. */
const placeholder = randomUUID()

function stringifyWithCare(document: Document, pouchdb: boolean): string {
  const texts: string[] = []
  const marked = mark(document, value => `${placeholder}:${texts.push(careful(value)) - 1}`, pouchdb)
  return stringifyJson(marked).replace(new RegExp(`"${placeholder}:(\\d+)"`, 'g'), (_, index: string) => texts[Number(index)] as string)
}

/**
 * CouchDB 3 reads decimals as doubles, and `5e-324` (no point, below the normal doubles) as another double than `5.0e-324`.
 */
function careful(value: Value): string {
  if (value instanceof GeoPoint) return `{"$geoPoint":[${careful(value.latitude)},${careful(value.longitude)}]}`
  if (typeof value !== 'number') return JSON.stringify(toEnvelope(value))
  return String(value).replace(/^(-?\d)e/, '$1.0e')
}

/** A copy in which what CouchDB would change is replaced. */
function mark(value: Value, replace: (value: Value) => string, pouchdb: boolean): Value {
  if (isChanged(value, pouchdb) || (value instanceof GeoPoint && needsCare(value, pouchdb))) return replace(value)
  if (typeof value !== 'object' || value === null || !needsCare(value, pouchdb)) return value
  if (Array.isArray(value)) return value.map(element => mark(element, replace, pouchdb))
  if (value instanceof ValueSet) return new ValueSet(value.members.map(member => mark(member, replace, pouchdb) as string))
  if (value instanceof Vector) return new Vector(value.values.map(number => mark(number, replace, pouchdb) as number))
  const copy: { [key: string]: Value } = {}
  for (const [key, field] of Object.entries(value as { [key: string]: Value })) {
    if (field !== undefined) setField(copy, key, mark(field, replace, pouchdb))
  }
  return copy
}

interface FoundText {
  readonly path: string
  /** Whether the text is a field's name, or a value. */
  readonly isName: boolean
}

/** The first name or string that fits. */
function findText(value: Value, fits: (text: string) => boolean, path: string): FoundText | undefined {
  if (typeof value === 'string') return fits(value) ? { path, isName: false } : undefined
  if (typeof value !== 'object' || value === null) return undefined
  if (value instanceof ValueSet) return findText([...value.members], fits, path)
  if (Array.isArray(value)) return firstOf(value.keys(), index => findText(value[index] as Value, fits, `${path}[${index}]`))
  return firstOf(Object.keys(value), key => {
    const inner = path === '' ? key : `${path}.${key}`
    return fits(key) ? { path: inner, isName: true } : findText((value as { [key: string]: Value })[key] as Value, fits, inner)
  })
}

function firstOf<T>(items: Iterable<T>, find: (item: T) => FoundText | undefined): FoundText | undefined {
  for (const item of items) {
    const found = find(item)
    if (found) return found
  }
  return undefined
}

function isIllFormed(text: string): boolean {
  return /\p{Surrogate}/u.test(text)
}

function illFormed({ path, isName }: FoundText): Refusal {
  const message = 'half of a surrogate pair, which is no Unicode text; CouchDB refuses it'
  if (path === '_id') return { code: 'DOCFERRY_BAD_ID', message, path }
  return { code: isName ? 'DOCFERRY_BAD_FIELD' : 'DOCFERRY_BAD_VALUE', message, path: path.replace(/\p{Surrogate}/gu, '\ufffd') }
}

function grouped(number: number): string {
  return number.toLocaleString('en-US')
}
