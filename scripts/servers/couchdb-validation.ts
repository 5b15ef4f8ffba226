/** Who may write a design document, and the validation functions in them: PouchDB knows nothing of either. */
import { runInNewContext } from 'node:vm'
import { isDatabaseAdmin } from './couchdb-auth.ts'
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

/** @returns what tells of each document whether it may be written; undefined where all may be */
export async function validator(
  database: Database,
  user: UserContext
): Promise<((document: JsonObject) => Promise<Forbidden | undefined>) | undefined> {
  const judge = database.hasValidation ? await judgeOf(database, user) : undefined
  if (isDatabaseAdmin(user, database.security)) return judge
  return async document => (String(document['_id']).startsWith('_design/') ? noAdmin : await judge?.(document))
}

const noAdmin: Forbidden = { error: 'forbidden', reason: 'You are not a db or server admin.' }

async function judgeOf(database: Database, user: UserContext): ReturnType<typeof validator> {
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
