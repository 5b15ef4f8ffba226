/** What a user writes for a source or a target, taken apart as far as the choice of a connector needs it. */
import { DocferryError } from '../errors.ts'
import type { ProviderName } from '../types.ts'
import { didYouMean } from './suggest.ts'

export interface NamedEndpoint {
  readonly connector: ProviderName
  /** For `Connector.configure`: what the user wrote, a bare path with `file:` before it. May hold a password. */
  readonly text: string
}

export const providerNames = ['memory', 'couchdb', 'firestore', 'dynamodb', 'file'] as const satisfies readonly ProviderName[]

/** One example of each form that an end can be written in, for help and errors. */
export const endpointForms = [
  'couchdb, firestore, dynamodb, memory: configured by the environment or .env',
  'couchdb://user@host:5984?passwordEnv=NAME, couchdb+https://host, firestore://project-id,',
  'dynamodb://us-east-1, dynamodb://us-east-1?endpoint=http://localhost:8000',
  'memory:snapshot.json, file:backup.ndjson.gz, or just the path: backup.json, ./folder/, - for stdin or stdout'
] as const

/**
 * Find the provider in the text of an end; nothing is opened or looked up, so that the same text always means the same place.
 *
 * A text without a provider is a file when it looks like a path: `-`, a known ending (.json, .ndjson, .jsonl, each also with .gz),
 * a separator at its end, or `/`, `./`, `../`, a drive letter at its beginning.
 *
 * @param role for messages: `--source`
 * @throws {DocferryError} DOCFERRY_USAGE, which never repeats more of the text than the provider's name
 */
export function parseEndpoint(text: string, role = 'the address'): NamedEndpoint {
  const trimmed = text.trim()
  if (trimmed === '')
    throw new DocferryError('DOCFERRY_USAGE', `${role} is empty: give one of ${providerNames.join(', ')}, an address or a path`)
  const match = /^([A-Za-z][A-Za-z0-9]+(?:\+[A-Za-z]+)?)(?=:|$)/.exec(trimmed)
  const scheme = match?.[1]?.toLowerCase()
  const provider = providerNames.find(name => scheme === name || scheme === `${name}s` || scheme?.startsWith(`${name}+`))
  if (provider !== undefined && scheme !== undefined) return { connector: provider, text: scheme + trimmed.slice(scheme.length) }
  if (isStandardPath(trimmed)) return { connector: 'file', text: 'file:-' }
  const mistyped = providerNames.find(name => trimmed.toLowerCase().startsWith(`${name}//`))
  if (mistyped) throw new DocferryError('DOCFERRY_USAGE', `${role}: a colon is missing: write ${mistyped}://...`)
  if (looksLikePath(trimmed)) return { connector: 'file', text: `file:${trimmed}` }
  throw unknownProvider(trimmed, scheme, role)
}

function looksLikePath(text: string): boolean {
  if (text.includes('://') || /^[\\/]{2}[^\\/]*@/.test(text)) return false
  if (text === '-' || /^(?:[\\/]|\.{1,2}(?:[\\/]|$)|[A-Za-z]:[\\/])/.test(text)) return true
  return !/^[^\\/]*:[^\\/]*@/.test(text) && (/\.(?:json|ndjson|jsonl)(?:\.gz)?$/i.test(text) || /[\\/]$/.test(text))
}

function unknownProvider(text: string, scheme: string | undefined, role: string): DocferryError {
  const fail = (message: string): DocferryError => new DocferryError('DOCFERRY_USAGE', `${role}${message}`)
  const known = providerNames.join(', ')
  // what stands around a colon or an @ may be a user and a password
  const bare = !/[:@]/.test(text)
  if (scheme === 'http' || scheme === 'https') {
    return fail(
      ` is a web address, which does not say what answers there: for CouchDB begin it with couchdb+${scheme}://, else with one of ${known}`
    )
  }
  if (scheme !== undefined) {
    const orFile = bare ? `. A file of that name is file:${text}` : ''
    return fail(`: no provider is called ${scheme}${didYouMean(scheme, providerNames)}; there are ${known}${orFile}`)
  }
  return fail(`: ${bare ? `"${text}"` : 'what was given'} names no provider; begin with one of ${known}, or with file: for a path`)
}

/** Whether the end is this process's own standard input or output. */
export function isStandardStream(endpoint: NamedEndpoint): boolean {
  return endpoint.connector === 'file' && isStandardPath(endpoint.text.replace(/^file:(?:\/\/)?/, '').replace(/\?.*$/, ''))
}

/** `-`, and the names that systems give to the same thing. */
export function isStandardPath(path: string): boolean {
  return path === '-' || /^\/dev\/(?:stdin|stdout|fd\/[01])$/.test(path)
}
