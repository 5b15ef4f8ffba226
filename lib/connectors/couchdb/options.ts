/** Where a CouchDB is and who connects: from a URL, from the environment, or as an object. */
import { timeIssue } from '../../engine/time-option.ts'
import { DocferryError } from '../../errors.ts'
import type { Environment, Location } from '../../types.ts'
import { defaultMaxDocumentBytes } from './limits.ts'
import { definedOf } from '../../values/defined.ts'

export interface CouchdbOptions {
  /** `http://host:5984`, `https://host/prefix`; without credentials. */
  readonly url: string
  readonly user?: string
  readonly password?: string
  /** How long a request may go without any progress, in milliseconds. Default 60,000. */
  readonly timeoutMs?: number
  /** The server's `max_document_size`. Default 8,000,000, as CouchDB's own. */
  readonly maxDocumentBytes?: number
  /** The databases that there are, for a user who may not list them. Default: what the server lists. */
  readonly databases?: readonly string[]
}

/** `CouchdbOptions` with every default in place. */
export interface Settings {
  readonly url: string
  readonly user: string | undefined
  readonly password: string | undefined
  readonly timeoutMs: number
  readonly maxDocumentBytes: number
  readonly databases: readonly string[] | undefined
}

export const defaultTimeoutMs = 60_000

/** How an address begins, and what it is sent as. `couchdb:` without a port is 5984. */
const schemes: Readonly<Record<string, 'http:' | 'https:'>> = {
  'couchdb:': 'http:',
  'couchdb+http:': 'http:',
  'couchdbs:': 'https:',
  'couchdb+https:': 'https:',
  'http:': 'http:',
  'https:': 'https:'
}

const howToEncode = 'in a user name or password write % as %25, @ as %40, : as %3A, / as %2F, # as %23, ? as %3F'

interface Credentials {
  readonly user?: string
  readonly password?: string
}

/**
 * Read `couchdb` (all from the environment) or an address.
 *
 * The environment's user and password go to the host of COUCHDB_URL only, over the same protocol: an address that names another host and no
 * credentials is used without any.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG with every issue, never with a secret
 */
export function configure(text: string, environment: Environment): CouchdbOptions {
  const issues: string[] = []
  const fromEnvironment = readEnvironment(environment, issues, text === 'couchdb')
  if (text === 'couchdb') {
    if (issues.length > 0 || !fromEnvironment) throw configError(issues)
    return fromEnvironment
  }
  const address = parseAddress(text, 'address', issues)
  if (!address) throw configError(issues)
  const own = readCredentials(address, 'address', issues)
  const { passwordEnv, ...settings } = readParameters(address, issues)
  const url = plainUrl(address)
  let credentials: Credentials = own
  if (passwordEnv !== undefined) {
    if (own.user === undefined) issues.push('address: passwordEnv needs a user: couchdb://USER@host?passwordEnv=NAME')
    if (own.password !== undefined) issues.push('address: a password and passwordEnv; one is enough')
    const password = environment[passwordEnv]
    if (!password) issues.push(`${passwordEnv}: required, the address takes the password from it`)
    credentials = { ...own, password }
  } else if (own.password === undefined && fromEnvironment && new URL(fromEnvironment.url).origin === new URL(url).origin) {
    const { user, password } = fromEnvironment
    if (own.user === undefined || own.user === user) credentials = { user, password }
  }
  if (credentials.user !== undefined && credentials.password === undefined && passwordEnv === undefined) {
    issues.push('address: a user without a password; add ?passwordEnv=NAME, or write couchdb://user:password@host')
  }
  if (issues.length > 0) throw configError(issues)
  return definedOf({ url, ...credentials, ...settings })
}

/** Check options given as an object, and fill in the defaults. */
export function settle(options: CouchdbOptions): Settings {
  const issues: string[] = []
  const address = parseAddress(options.url, 'url', issues)
  const own = address ? readCredentials(address, 'url', issues) : {}
  const user = options.user ?? own.user
  const password = options.password ?? own.password
  if (user !== undefined && password === undefined) issues.push('password: required, as there is a user')
  if (user === undefined && password !== undefined) issues.push('user: required, as there is a password')
  if (user?.includes(':')) issues.push('user: may not hold a colon')
  const { timeoutMs = defaultTimeoutMs, maxDocumentBytes = defaultMaxDocumentBytes, databases } = options
  const late = timeIssue('timeoutMs', timeoutMs)
  if (late) issues.push(late)
  if (!(maxDocumentBytes > 0)) issues.push('maxDocumentBytes: must be a positive number')
  if (issues.length > 0 || !address) throw configError(issues)
  return { url: plainUrl(address), user, password, timeoutMs, maxDocumentBytes, databases }
}

export function locate({ url, user }: Pick<Settings, 'url' | 'user'>): Location {
  const { protocol, hostname, port, pathname } = new URL(url)
  const host = hostname === 'localhost' || hostname === '[::1]' ? '127.0.0.1' : hostname
  const realPort = port || (protocol === 'https:' ? '443' : '80')
  return {
    provider: 'couchdb',
    address: user === undefined ? url : `${url} as ${user}`,
    identity: `${protocol}//${host}:${realPort}${pathname.replace(/\/$/, '')}`
  }
}

function readEnvironment(environment: Environment, issues: string[], needed: boolean): CouchdbOptions | undefined {
  const text = environment.COUCHDB_URL || undefined
  if (text === undefined) {
    if (needed) issues.push('COUCHDB_URL: required (http://host:5984), or write an address, which begins with couchdb://')
    return undefined
  }
  // A broken environment is an issue only for who uses it.
  const found: string[] = []
  const address = parseAddress(text, 'COUCHDB_URL', found)
  const own = address ? readCredentials(address, 'COUCHDB_URL', found) : {}
  const user = environment.COUCHDB_USER || undefined
  const password = environment.COUCHDB_PASSWORD || undefined
  if (own.user !== undefined && user !== undefined && own.user !== user) found.push('COUCHDB_USER: names another user than COUCHDB_URL')
  const credentials = { user: own.user ?? user, password: own.password ?? password }
  if (credentials.user !== undefined && credentials.password === undefined) found.push('COUCHDB_PASSWORD: required, as there is a user')
  if (credentials.user === undefined && credentials.password !== undefined) found.push('COUCHDB_USER: required, as there is a password')
  const { passwordEnv, ...settings } = address ? readParameters(address, found, 'COUCHDB_URL') : {}
  if (passwordEnv !== undefined) found.push('COUCHDB_URL: passwordEnv has no meaning here; set COUCHDB_PASSWORD')
  if (needed) issues.push(...found)
  if (!address || found.length > 0) return undefined
  return definedOf({ url: plainUrl(address), ...credentials, ...settings })
}

const authority = /^([a-z+]+:)\/\/(?:[^/?#]*@)?[^/?#@]*?(?::(\d+))?(?:[/?#]|$)/i

function parseAddress(text: string, where: string, issues: string[]): URL | undefined {
  const [, scheme = '', port] = authority.exec(text) ?? []
  const protocol = Object.hasOwn(schemes, scheme.toLowerCase()) ? schemes[scheme.toLowerCase()] : undefined
  if (protocol === undefined) {
    const expected = where === 'address' ? 'couchdb://host:5984 or couchdbs://host' : 'http://host:5984 or https://host'
    issues.push(`${where}: must look like ${expected}; ${howToEncode}`)
    return undefined
  }
  const url = protocol + text.slice(scheme.length)
  // Asked beforehand: the error of a URL that does not parse holds all of it, secrets included.
  const address = URL.canParse(url) ? new URL(url) : undefined
  if (!address?.hostname || address.hash !== '' || address.pathname.includes('@')) {
    issues.push(`${where}: not a valid address; ${howToEncode}`)
    return undefined
  }
  if (scheme.toLowerCase() === 'couchdb:' && port === undefined) address.port = '5984'
  return address
}

/** Origin and path, without a slash at the end. */
function plainUrl({ origin, pathname }: URL): string {
  return origin + pathname.replace(/\/+$/, '')
}

function readCredentials(address: URL, where: string, issues: string[]): Credentials {
  const user = decode(address.username, `${where}: user`, issues)
  const password = decode(address.password, `${where}: password`, issues)
  if (user === undefined && password !== undefined) issues.push(`${where}: a password without a user`)
  if (user?.includes(':')) issues.push(`${where}: a user may not hold a colon`)
  return definedOf({ user, password })
}

function decode(text: string, what: string, issues: string[]): string | undefined {
  if (text === '') return undefined
  try {
    return decodeURIComponent(text)
  } catch {
    // Its error adds nothing to the issue, and the text is a secret.
    issues.push(`${what}: not percent-encoded; ${howToEncode}`)
    return undefined
  }
}

interface Parameters extends Partial<Pick<Settings, 'timeoutMs' | 'maxDocumentBytes' | 'databases'>> {
  readonly passwordEnv?: string
}

const knownParameters = ['passwordEnv', 'timeoutMs', 'maxDocumentBytes', 'databases']

function readParameters(address: URL, issues: string[], where = 'address'): Parameters {
  const unknown = [...new Set(address.searchParams.keys())].filter(name => !knownParameters.includes(name))
  // A name that is no word may be the rest of a password with a question mark in it.
  const shown = unknown.filter(name => /^[a-zA-Z]{1,24}$/.test(name) && !address.search.includes('@'))
  if (unknown.length > 0) issues.push(`${where}: unknown parameter ${shown.join(', ')}; known: ${knownParameters.join(', ')}`)
  const number = (name: string): number | undefined => {
    const text = address.searchParams.get(name)
    if (text !== null && !/^[1-9]\d{0,14}$/.test(text)) issues.push(`${where}: ${name} must be a positive whole number`)
    return text === null ? undefined : Number(text)
  }
  const timeoutMs = number('timeoutMs')
  const late = timeIssue('timeoutMs', timeoutMs || undefined)
  if (late) issues.push(`${where}: ${late}`)
  const parameters = {
    passwordEnv: address.searchParams.get('passwordEnv') ?? undefined,
    timeoutMs,
    maxDocumentBytes: number('maxDocumentBytes'),
    databases: address.searchParams.get('databases')?.split(',').filter(Boolean)
  }
  return definedOf(parameters)
}

function configError(issues: readonly string[]): DocferryError {
  return new DocferryError('DOCFERRY_CONFIG', `couchdb: ${issues.join('\ncouchdb: ')}`, { provider: 'couchdb' })
}
