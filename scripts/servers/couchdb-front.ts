/**
 * The strict front of the CouchDB-compatible server: it refuses and answers what Apache CouchDB 3.5 does, on PouchDB's data.
 * What the two agree on (`_find`, `_bulk_get`, attachments, views) goes on to express-pouchdb.
 */
import { randomBytes, randomInt } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Accounts, isAdmin, requireAdmin, requireMember } from './couchdb-auth.ts'
import type { UserContext } from './couchdb-auth.ts'
import { sendChanges } from './couchdb-changes.ts'
import { describeDatabase, designDocuments, openDatabase, orderFields, sendAllDocs, writeBulk, writeDocuments } from './couchdb-database.ts'
import type { Database } from './couchdb-database.ts'
import { Refused, validateDatabaseName, validateDocument, validateId } from './couchdb-documents.ts'
import { isObject, restoreMarks } from './couchdb-json.ts'
import type { JsonObject } from './couchdb-json.ts'
import { isMultipart, readMultipart, sendMultipart, wantsMultipart } from './couchdb-multipart.ts'
import type { PouchStatic } from './couchdb-pouch.ts'
import { Replications } from './couchdb-replicator.ts'
import { validator } from './couchdb-validation.ts'
import { answer, methodNotAllowed, Parameters, readJson, readObject, requestLineFits, requireJsonType } from './couchdb-request.ts'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

const mostUuids = 0xfff000
const nodeName = 'couchdb@127.0.0.1'

export interface FrontOptions {
  readonly PouchDB: PouchStatic
  /** express-pouchdb. */
  readonly next: Handler
  readonly user: string
  readonly password: string
  /** The server's own id, in its welcome. */
  readonly uuid: string
}

/** One request, taken apart. */
interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** GET for HEAD: node sends no body then. */
  readonly method: string
  /** Decoded path segments. */
  readonly path: readonly string[]
  readonly query: URLSearchParams
  readonly user: UserContext
}

export function createFront(options: FrontOptions): Handler {
  const front = new Front(options)
  return (request, response) => {
    front.handle(request, response).catch((error: unknown) => fail(response, error))
  }
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const { status = 500, error: name, reason, message } = error as { status?: number; error?: unknown; reason?: string; message?: string }
  const refused = error instanceof Refused
  answer(response, status, refused ? { error: name, reason } : { error: (error as Error).name, reason: reason ?? message })
}

class Front {
  readonly #options: FrontOptions
  readonly #databases = new Map<string, Database>()
  readonly #accounts = new Accounts()
  readonly #replications = new Replications(() => this.#databases.get('_replicator')!)
  #created = 0
  #uuids = { prefix: '', last: mostUuids }

  constructor(options: FrontOptions) {
    this.#options = options
    this.#accounts.set(options.user, options.password, ['_admin'])
    for (const name of ['_users', '_replicator']) this.#create(name)
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!requestLineFits(request)) {
      response.writeHead(400, { Connection: 'close' }).end()
      return
    }
    const [rawPath = '/', rawQuery = ''] = request.url!.split(/\?(.*)/s)
    const parts = rawPath.split('/').slice(1)
    const path = parts.filter((part, index) => index === 0 || part !== '').map(decodeSegment)
    const user = this.#accounts.authenticate(request)
    const method = request.method === 'HEAD' ? 'GET' : request.method!
    const call: Call = { request, response, method, path, query: new URLSearchParams(rawQuery), user }
    const name = path[0]!
    if (name === '') return this.#welcome(call)
    if (name in serverCalls) return await this.#server(call, name as keyof typeof serverCalls)
    if (path.length === 1 && method === 'PUT') return await this.#createDatabase(call)
    if (path.length === 1 && method === 'DELETE') return await this.#deleteDatabase(call)
    const database = this.#databases.get(name)
    if (database === undefined) throw new Refused(404, 'not_found', 'Database does not exist.')
    if (name.startsWith('_') && (path[1] === '_all_docs' || path[1] === '_changes')) requireAdmin(user)
    requireMember(user, database.security)
    await this.#database(call, database)
  }

  /** The first 26 digits are the running server's own, until the last 6 have come to their end. */
  #nextUuid(): string {
    if (this.#uuids.last >= mostUuids) this.#uuids = { prefix: randomBytes(13).toString('hex'), last: 0 }
    this.#uuids.last += randomInt(1, 0xffe)
    return this.#uuids.prefix + this.#uuids.last.toString(16).padStart(6, '0')
  }

  #welcome({ response }: Call): void {
    answer(response, 200, {
      couchdb: 'Welcome',
      version: '3.5.0',
      git_sha: 'express-pouchdb',
      uuid: this.#options.uuid,
      features: ['partitioned', 'pluggable-storage-engines', 'reshard', 'scheduler'],
      vendor: { name: 'express-pouchdb behind a strict front' }
    })
  }

  async #server(call: Call, name: keyof typeof serverCalls): Promise<void> {
    const { request, response, method, query, user } = call
    if (!serverCalls[name].includes(method)) throw methodNotAllowed(serverCalls[name].replace('GET', 'GET,HEAD'))
    switch (name) {
      case '_up':
        return answer(response, 200, { status: 'ok', seeds: {} })
      case '_uuids': {
        const count = new Parameters(query).count('count') ?? 1
        return answer(response, 200, { uuids: Array.from({ length: count }, () => this.#nextUuid()) })
      }
      case '_membership':
        requireAdmin(user)
        return answer(response, 200, { all_nodes: [nodeName], cluster_nodes: [nodeName] })
      case '_active_tasks':
        requireAdmin(user)
        return answer(response, 200, this.#replications.activeTasks())
      case '_scheduler':
        requireAdmin(user)
        return this.#scheduler(call)
      case '_replicate':
        return answer(response, ...(await this.#replications.replicate(await readObject(request), user.name)))
      case '_all_dbs': {
        requireAdmin(user)
        const parameters = new Parameters(query)
        const skip = parameters.count('skip') ?? 0
        return answer(response, 200, [...this.#databases.keys()].toSorted().slice(skip, skip + (parameters.count('limit') ?? Infinity)))
      }
      case '_dbs_info': {
        requireAdmin(user)
        const keys = method === 'POST' ? (await readObject(request))['keys'] : [...this.#databases.keys()].toSorted()
        if (!Array.isArray(keys)) throw new Refused(400, 'bad_request', '`keys` member must exist.')
        return answer(response, 200, await Promise.all(keys.map(key => this.#describe(String(key)))))
      }
      case '_session':
        return await this.#session(call)
    }
  }

  #scheduler({ response, path, query }: Call): void {
    const parameters = new Parameters(query)
    const skip = parameters.count('skip') ?? 0
    const page = (all: readonly object[]): readonly object[] => all.slice(skip, skip + (parameters.count('limit') ?? 100))
    const [, list, database, name] = path
    if (list === 'jobs' && database === undefined) {
      const jobs = this.#replications.jobs()
      return answer(response, 200, { total_rows: jobs.length, offset: skip, jobs: page(jobs) })
    }
    if (list === 'docs' && database === '_replicator' && name !== undefined)
      return answer(response, 200, this.#replications.schedulerDocument(name))
    if (list !== 'docs' || (database !== undefined && database !== '_replicator')) throw new Refused(404, 'not_found', 'missing')
    const docs = this.#replications.schedulerDocuments()
    answer(response, 200, { total_rows: docs.length, offset: skip, docs: page(docs) })
  }

  async #describe(name: string): Promise<JsonObject> {
    const database = this.#databases.get(name)
    return database === undefined ? { key: name, error: 'not_found' } : { key: name, info: await describeDatabase(database) }
  }

  async #session({ request, response, method, user }: Call): Promise<void> {
    const cookie = (value: string): Record<string, string> => ({
      'Set-Cookie': `AuthSession=${value}; Version=1; Max-Age=600; Path=/; HttpOnly`
    })
    if (method === 'DELETE') return answer(response, 200, { ok: true }, cookie(''))
    if (method === 'POST') {
      const form = await readForm(request)
      const { name, roles } = this.#accounts.logIn(form.get('name') ?? form.get('username') ?? '', form.get('password') ?? '')
      return answer(response, 200, { ok: true, name, roles }, cookie(this.#accounts.openSession(name!)))
    }
    answer(response, 200, {
      ok: true,
      userCtx: user,
      info: { authentication_handlers: ['cookie', 'default'], ...(user.name === null ? {} : { authenticated: 'default' }) }
    })
  }

  async #createDatabase({ request, response, path, user }: Call): Promise<void> {
    const name = path[0]!
    requireAdmin(user)
    validateDatabaseName(name)
    if (this.#databases.has(name)) throw new Refused(412, 'file_exists', 'The database could not be created, the file already exists.')
    // Opening takes a moment: the answer waits for it, the name is taken at once.
    await this.#create(name).pouch.info()
    answer(response, 201, { ok: true }, { Location: `http://${request.headers.host}/${encodeURIComponent(name)}` })
  }

  #create(name: string): Database {
    const inner = `d${++this.#created}`
    const database = openDatabase(name, inner, new this.#options.PouchDB(inner))
    this.#databases.set(name, database)
    return database
  }

  async #deleteDatabase({ response, path, user }: Call): Promise<void> {
    const name = path[0]!
    requireAdmin(user)
    const database = this.#databases.get(name)
    if (database === undefined) throw new Refused(404, 'not_found', 'Database does not exist.')
    this.#databases.delete(name)
    await database.pouch.destroy()
    answer(response, 200, { ok: true })
  }

  async #database(call: Call, database: Database): Promise<void> {
    const { request, response, method, path, query, user } = call
    const action = path[1]
    const prepare = database.name === '_users' ? (document: JsonObject) => this.#accounts.takeUser(document) : undefined
    if (action === undefined) {
      if (method === 'GET') return answer(response, 200, await describeDatabase(database))
      if (method !== 'POST') throw methodNotAllowed('DELETE,GET,HEAD,POST')
      const { value, bytes } = await readJson(request)
      return await this.#writeOne(call, database, validateDocument(value, { mayBeLarge: true }), { newEdits: true, bytes })
    }
    if (path.length > 2) return await this.#documentOrFurther(call, database)
    switch (action) {
      case '_bulk_docs':
        if (method !== 'POST') throw methodNotAllowed('POST')
        return answer(
          response,
          201,
          await writeBulk(database, await readJson(request), { prepare, validate: await validator(database, user) })
        )
      case '_all_docs':
        if (method !== 'GET' && method !== 'POST') throw methodNotAllowed('GET,HEAD,POST')
        return await sendAllDocs(database, new Parameters(query, method === 'POST' ? await readObject(request) : {}), response)
      case '_design_docs':
        return await sendAllDocs(
          database,
          new Parameters(query, method === 'POST' ? await readObject(request) : {}),
          response,
          designDocuments
        )
      case '_changes': {
        if (method !== 'GET' && method !== 'POST') throw methodNotAllowed('GET,POST,HEAD')
        const hasBody = method === 'POST' && request.headers['content-length'] !== '0'
        const body = hasBody ? await readObject(request) : {}
        return await sendChanges(database, new Parameters(query), body, response)
      }
      case '_ensure_full_commit':
        if (method !== 'POST') throw methodNotAllowed('POST')
        requireJsonType(request)
        return answer(response, 201, { ok: true, instance_start_time: String(database.created) })
      case '_security':
        if (method === 'GET') return answer(response, 200, database.security)
        if (method !== 'PUT') throw methodNotAllowed('PUT,GET,HEAD')
        if (!isAdmin(user)) throw new Refused(401, 'unauthorized', 'You are not a db or server admin.')
        database.security = await readObject(request)
        return answer(response, 200, { ok: true })
    }
    if (furtherActions.has(action)) return this.#further(call, database)
    await this.#document(call, database, action)
  }

  /** Below a database: a `_design/` or `_local/` document, or something of a document or a design document. */
  async #documentOrFurther(call: Call, database: Database): Promise<void> {
    const [, first, second] = call.path
    const isPlain = call.path.length === 3 && (first === '_design' || first === '_local')
    if (isPlain) return await this.#document(call, database, `${first}/${second}`)
    this.#further(call, database)
  }

  async #document(call: Call, database: Database, id: string): Promise<void> {
    const { request, response, method, query } = call
    const isWhole = query.get('attachments') === 'true'
    if (method === 'GET' && isWhole && !query.has('open_revs') && wantsMultipart(request)) {
      const document = await getDocument(database, id, { attachments: true, ...(query.has('rev') && { rev: query.get('rev') }) })
      if (document['_attachments'] !== undefined) return sendMultipart(response, orderFields(document))
    }
    if (method === 'GET' && (query.has('open_revs') || isWhole)) return this.#further(call, database)
    switch (method) {
      case 'GET': {
        const options = Object.fromEntries(
          ['rev', 'revs', 'revs_info', 'conflicts'].flatMap(name => (query.has(name) ? [[name, query.get(name)]] : []))
        )
        const document = await getDocument(database, id, options)
        return answer(response, 200, orderFields(document), { ETag: `"${String(document['_rev'])}"` })
      }
      case 'PUT': {
        validateId(id)
        if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined) {
          throw new Refused(400, 'bad_request', 'Missing request body')
        }
        const { value, bytes } = isMultipart(request) ? await readMultipart(request) : await readJson(request, { anyType: true })
        const valid = validateDocument(isObject(value) ? { ...value, _id: id, ...revisionOf(call) } : value, { mayBeLarge: true })
        const document = database.name === '_users' ? this.#accounts.takeUser(valid) : valid
        return await this.#writeOne(call, database, document, { newEdits: query.get('new_edits') !== 'false', bytes })
      }
      case 'DELETE': {
        await getDocument(database, id, {})
        const deletion = { _id: id, _deleted: true, ...revisionOf(call) }
        const document = database.name === '_users' ? this.#accounts.takeUser(deletion) : deletion
        return await this.#writeOne(call, database, document, { newEdits: true, bytes: 0 })
      }
      default:
        throw methodNotAllowed('DELETE,GET,HEAD,POST,PUT,COPY')
    }
  }

  async #writeOne(
    { request, response, user }: Call,
    database: Database,
    document: JsonObject,
    options: { readonly newEdits: boolean; readonly bytes: number }
  ): Promise<void> {
    const isReplicator = database.name === '_replicator'
    if (isReplicator) this.#replications.check(document)
    const forbidden = await (await validator(database, user))?.(document)
    if (forbidden) throw new Refused(forbidden.error === 'forbidden' ? 403 : 401, forbidden.error, forbidden.reason)
    const [outcome] = await writeDocuments(database, [document], options)
    if (outcome?.['error'] !== undefined) throw new Refused(409, String(outcome['error']), String(outcome['reason']))
    if (isReplicator) this.#replications.take(document)
    const { _id: id, _rev: sent } = document
    const rev = outcome?.['rev'] ?? sent
    const location = `http://${request.headers.host}/${encodeURIComponent(database.name)}/${encodeURIComponent(String(id))}`
    answer(response, document['_deleted'] === true ? 200 : 201, { ok: true, id, rev }, { ETag: `"${String(rev)}"`, Location: location })
  }

  /** On to express-pouchdb, by the database's inner name. */
  #further({ request, response }: Call, database: Database): void {
    request.headers.accept = 'application/json'
    request.url = request.url!.replace(/^\/[^/?]+/, `/${database.inner}`)
    const end = response.end.bind(response) as (chunk?: unknown) => ServerResponse
    response.end = ((chunk?: unknown) => {
      const isJson = Buffer.isBuffer(chunk) && /json|text\/plain/.test(String(response.getHeader('Content-Type')))
      if (!isJson || response.headersSent) return end(chunk)
      const restored = Buffer.from(restoreMarks(chunk.toString()))
      response.setHeader('Content-Length', restored.length)
      return end(restored)
    }) as typeof response.end
    this.#options.next(request, response)
  }
}

function decodeSegment(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '))
  } catch {
    // Half an escape or no UTF-8.
    throw new Refused(400, 'bad_request', 'invalid UTF-8 in the path')
  }
}

/** Methods of the calls to the server as a whole. */
const serverCalls = {
  _up: 'GET',
  _uuids: 'GET',
  _membership: 'GET',
  _active_tasks: 'GET',
  _all_dbs: 'GET',
  _dbs_info: 'GET,POST',
  _replicate: 'POST',
  _scheduler: 'GET',
  _session: 'GET,POST,DELETE'
} as const

/** What express-pouchdb does as the real one. */
const furtherActions = new Set(['_find', '_index', '_explain', '_bulk_get', '_revs_diff', '_compact', '_view_cleanup', '_design'])

async function getDocument(database: Database, id: string, options: JsonObject): Promise<JsonObject> {
  try {
    return await database.pouch.get(id, options)
  } catch (error) {
    const { status, reason } = error as { status?: number; reason?: string }
    if (status === 404) throw new Refused(404, 'not_found', reason === 'deleted' ? 'deleted' : 'missing')
    throw error
  }
}

/** A revision given beside the body. */
function revisionOf({ request, query }: Call): { _rev?: string } {
  const rev = query.get('rev') ?? request.headers['if-match']?.replace(/^"|"$/g, '')
  return rev === undefined || rev === null ? {} : { _rev: rev }
}

async function readForm(request: IncomingMessage): Promise<Map<string, string>> {
  if (request.headers['content-type']?.startsWith('application/json')) {
    const fields = await readObject(request)
    return new Map(Object.entries(fields).map(([key, value]) => [key, String(value)]))
  }
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return new Map(new URLSearchParams(Buffer.concat(chunks).toString()))
}
