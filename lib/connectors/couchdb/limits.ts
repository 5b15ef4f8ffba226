/** CouchDB's rules. */
import type { Refusal, TargetLimits } from '../../types.ts'
import { isWellFormed } from '../../values/index.ts'

/**
 * CouchDB sets no bounds of its own on a batch. 500 documents and four requests at once were the fastest of those tried; the bytes keep
 * memory small and a request short.
 */
export const targetLimits: TargetLimits = { batchCount: 500, batchBytes: 4 * 1024 * 1024, inFlight: 4 }

/** The default of `[couchdb] max_document_size`; https://docs.couchdb.org/en/stable/config/couchdb.html */
export const defaultMaxDocumentBytes = 8_000_000

const sizedToken = /"|\\u[\da-f]{4}|\\.|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/** Of integers from 999999999999998 on, the logarithm as a double may be that of the power of ten above. */
const leastRoundedDigits = 15

/** What is counted by another number of bytes than it is written with; in strings, what only looks so. */
const countedOtherwise = /\\|\d[.eE]|9{12}/

/** What is counted is at most so many times the text: of each integer that is rounded up, and its comma, one byte more. */
export const mostCounted = 1 + 1 / (leastRoundedDigits + 1)

/**
 * Bytes of a JSON text as CouchDB counts them against `max_document_size`: a string without its escapes, a fraction by a rough guess at its
 * digits, an integer by its logarithm. Source: src/couch/src/couch_ejson_size.erl of Apache CouchDB.
 *
 * @param json as JSON.stringify writes it, without white space
 */
export function countedBytes(json: string): number {
  let bytes = Buffer.byteLength(json)
  if (!countedOtherwise.test(json)) return bytes
  let inString = false
  for (const [token] of json.matchAll(sizedToken)) {
    if (token === '"') inString = !inString
    else if (token.startsWith('\\')) bytes -= token.length - 1
    else if (!inString && /[.eE]/.test(token)) bytes -= token.length - fractionBytes(Number(token))
    else if (!inString && token.length >= leastRoundedDigits) bytes -= token.length - integerBytes(Number(token))
  }
  return bytes
}

function integerBytes(number: number): number {
  return (number < 0 ? 2 : 1) + Math.trunc(Math.log10(Math.abs(number)))
}

function fractionBytes(number: number): number {
  const size = Math.abs(number)
  const sign = number < 0 ? 1 : 0
  if (size >= 1) return sign + (size >= 1e100 ? 5 : size >= 1e10 ? 4 : 3)
  return sign + (size <= 1e-300 ? 3 : size <= 1e-100 ? 6 : size <= 1e-10 ? 5 : size <= 0.01 ? 4 : 3)
}

/** https://docs.couchdb.org/en/stable/api/database/common.html#put--db; 238 is `[couchdb] max_database_name_length`. */
const namePattern = /^[a-z][a-z0-9_$()+/-]*$/
const longestName = 238

/** @param pouchdb whether PouchDB answers: it drops the slashes of a name, and so would put `a/b` and `ab` together */
export function checkDatabaseName(name: string, pouchdb = false): Refusal | undefined {
  if (pouchdb && name.includes('/')) return refuse(`${name}: PouchDB drops slashes; try --rename ${name}=${name.replaceAll('/', '_')}`)
  if (name.length > longestName) return refuse(`${name.length} characters; a CouchDB database name has at most ${longestName}`)
  if (namePattern.test(name)) return undefined
  if (name.startsWith('_'))
    return refuse(`${name}: names that start with an underscore are CouchDB's own; try --rename ${name}=${suggest(name)}`)
  return refuse(
    `${name}: CouchDB names start with a lower-case letter and have only a-z, 0-9 and _$()+-/; try --rename ${name}=${suggest(name)}`
  )
}

function refuse(message: string): Refusal {
  return { code: 'DOCFERRY_COLLECTION_NAME', message }
}

/** The nearest name that CouchDB takes. */
function suggest(name: string): string {
  const fitting = name
    .toLowerCase()
    .replace(/[^a-z0-9_$()+/-]/g, '_')
    .replace(/^[^a-z]+/, '')
  return fitting === '' ? 'documents' : fitting
}

/** @param partitioned whether the database was created with `partitioned=true`: its ids are then `partition:id` */
export function checkId(id: string, partitioned: boolean): Refusal | undefined {
  const bad = (message: string): Refusal => ({ code: 'DOCFERRY_BAD_ID', message, path: '_id' })
  if (id === '') return bad('empty; a CouchDB id has at least one character')
  if (id.startsWith('_design/')) return id === '_design/' ? bad('_design/ without a name') : undefined
  if (id.startsWith('_')) return bad('starts with an underscore; CouchDB keeps such ids for itself')
  if (!isWellFormed(id)) return bad('half of a surrogate pair, which is no Unicode text; CouchDB refuses it')
  if (partitioned && !/^[^_:][^:]*:[^_]/s.test(id)) return bad('the database is partitioned: its ids have the form partition:id')
  return undefined
}
