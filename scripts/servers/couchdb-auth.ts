/** Users, passwords, cookies and the lock-out of CouchDB 3.5. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Refused } from './couchdb-documents.ts'
import { isObject } from './couchdb-json.ts'
import type { JsonObject } from './couchdb-json.ts'

export interface UserContext {
  /** `null` without credentials. */
  readonly name: string | null
  readonly roles: readonly string[]
}

interface Account {
  readonly salt: string
  readonly hash: Buffer
  readonly roles: readonly string[]
  failures: number
}

export const anonymous: UserContext = { name: null, roles: [] }
const lockThreshold = 5

export class Accounts {
  readonly #accounts = new Map<string, Account>()
  readonly #sessions = new Map<string, string>()

  set(name: string, password: string, roles: readonly string[]): void {
    const salt = randomBytes(16).toString('hex')
    this.#accounts.set(name, { salt, hash: digest(salt, password), roles, failures: 0 })
  }

  delete(name: string): void {
    this.#accounts.delete(name)
  }

  /** @throws {Refused} 401, or 403 once a user has failed too often, whatever the password */
  logIn(name: string, password: string): UserContext {
    const account = this.#accounts.get(name)
    if (account === undefined) throw wrongPassword()
    if (account.failures >= lockThreshold) {
      throw new Refused(403, 'forbidden', 'Account is temporarily locked due to multiple authentication failures')
    }
    if (!timingSafeEqual(account.hash, digest(account.salt, password))) {
      account.failures++
      throw wrongPassword()
    }
    return { name, roles: account.roles }
  }

  openSession(name: string): string {
    const token = randomBytes(24).toString('base64url')
    this.#sessions.set(token, name)
    return token
  }

  /** @throws {Refused} for credentials that are wrong; without any it is the anonymous user */
  authenticate(request: IncomingMessage): UserContext {
    const header = request.headers.authorization ?? ''
    const encoded = /^basic (.*)$/i.exec(header)?.[1]
    if (encoded !== undefined) {
      if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) throw new Refused(400, 'bad_request', 'Authorization header has invalid base64 value')
      const text = Buffer.from(encoded, 'base64').toString('utf8')
      const colon = text.indexOf(':')
      return colon < 0 ? anonymous : this.logIn(text.slice(0, colon), text.slice(colon + 1))
    }
    const token = /(?:^|; *)AuthSession=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]
    const name = token === undefined ? undefined : this.#sessions.get(token)
    const account = name === undefined ? undefined : this.#accounts.get(name)
    return account === undefined ? anonymous : { name: name!, roles: account.roles }
  }

  /** What is stored of a document of `_users`: a digest in place of the password. */
  takeUser(document: JsonObject): JsonObject {
    const { password, ...rest } = document
    const { name, roles } = rest
    if (document['_deleted'] === true) {
      this.delete(String(document['_id']).replace(/^org\.couchdb\.user:/, ''))
      return rest
    }
    if (typeof name !== 'string' || !Array.isArray(roles)) {
      throw new Refused(403, 'forbidden', typeof name === 'string' ? 'doc.roles must exist' : 'doc.name is required')
    }
    if (typeof password !== 'string') return rest
    this.set(name, password, roles.map(String))
    const { salt, hash } = this.#accounts.get(name)!
    return { ...rest, password_scheme: 'pbkdf2', salt, derived_key: hash.toString('hex') }
  }
}

export function isAdmin(user: UserContext): boolean {
  return user.roles.includes('_admin')
}

export function requireAdmin(user: UserContext): void {
  if (!isAdmin(user)) throw new Refused(401, 'unauthorized', 'You are not a server admin.')
}

export interface Security extends JsonObject {
  members?: unknown
  admins?: unknown
}

/** Of one database, or of the server. */
export function isDatabaseAdmin(user: UserContext, security: Security): boolean {
  const { names, roles } = listsOf(security.admins)
  return isAdmin(user) || (user.name !== null && names.includes(user.name)) || user.roles.some(role => roles.includes(role))
}

/** A new database belongs to the admins. */
export const newSecurity: Security = { members: { roles: ['_admin'] }, admins: { roles: ['_admin'] } }

/** @throws {Refused} 401 to someone unknown, 403 to a user without the right */
export function requireMember(user: UserContext, security: Security): void {
  if (isAdmin(user)) return
  const members = listsOf(security.members)
  const admins = listsOf(security.admins)
  const isPublic = members.names.length === 0 && members.roles.length === 0
  const belongs = [members, admins].some(
    lists => (user.name !== null && lists.names.includes(user.name)) || user.roles.some(role => lists.roles.includes(role))
  )
  if (isPublic || belongs) return
  if (user.name === null) throw new Refused(401, 'unauthorized', 'You are not authorized to access this db.')
  throw new Refused(403, 'forbidden', 'You are not allowed to access this db.')
}

function listsOf(group: unknown): { names: readonly unknown[]; roles: readonly unknown[] } {
  const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
  return isObject(group) ? { names: list(group['names']), roles: list(group['roles']) } : { names: [], roles: [] }
}

function wrongPassword(): Refused {
  return new Refused(401, 'unauthorized', 'Name or password is incorrect.')
}

function digest(salt: string, password: string): Buffer {
  return createHash('sha256').update(salt).update(password).digest()
}
