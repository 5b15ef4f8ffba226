/** CouchDB's rules. */
import type { Refusal, TargetLimits } from '../../types.ts'

/**
 * CouchDB sets no bounds of its own on a batch. 500 documents and four requests at once were the fastest of those tried; the bytes keep
 * memory small and a request short.
 */
export const targetLimits: TargetLimits = { batchCount: 500, batchBytes: 4 * 1024 * 1024, inFlight: 4 }

/** The default of `[couchdb] max_document_size`; https://docs.couchdb.org/en/stable/config/couchdb.html */
export const defaultMaxDocumentBytes = 8_000_000

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
  if (partitioned && !/^[^_:][^:]*:[^_]/s.test(id)) return bad('the database is partitioned: its ids have the form partition:id')
  return undefined
}
