/** The validation functions of design documents, which PouchDB knows nothing of. */
import { runInNewContext } from 'node:vm'
import type { UserContext } from './couchdb-auth.ts'
import type { Database } from './couchdb-database.ts'
import { isObject } from './couchdb-json.ts'
import type { JsonObject } from './couchdb-json.ts'

type Validate = (document: JsonObject, held: JsonObject | null, user: object, security: object) => void

/** How one document was refused, as a row of a bulk answer. */
export interface Forbidden {
  readonly error: 'forbidden' | 'unauthorized'
  readonly reason: string
}

/** @returns what tells of each document whether it may be written; undefined where there is no such function */
export async function validator(
  database: Database,
  user: UserContext
): Promise<((document: JsonObject) => Promise<Forbidden | undefined>) | undefined> {
  if (!database.hasValidation) return undefined
  const { rows } = await database.pouch.allDocs({ include_docs: true, startkey: '_design/', endkey: '_design/\uffff' })
  const texts = rows.flatMap(({ doc }) => (typeof doc?.['validate_doc_update'] === 'string' ? [doc['validate_doc_update']] : []))
  if (texts.length === 0) return undefined
  const functions = texts.map(text => runInNewContext(`(${text})`) as Validate)
  const context = { db: database.name, name: user.name, roles: user.roles }
  return async document => {
    const held = await database.pouch.get(String(document['_id']), {}).catch(() => null)
    return functions.map(each => refusal(() => each(document, held, context, database.security))).find(found => found !== undefined)
  }
}

function refusal(validate: () => void): Forbidden | undefined {
  try {
    validate()
    return undefined
  } catch (thrown) {
    // Of another realm, and no Error: {forbidden: reason} or {unauthorized: reason}.
    const told = isObject(thrown) ? thrown : {}
    const error = told['unauthorized'] === undefined ? 'forbidden' : 'unauthorized'
    return { error, reason: String(told[error] ?? 'the function failed') }
  }
}
