/** The ends of a migration as they stand in commands that are printed: without secrets, quoted for a shell, and two different places. */
import { fileURLToPath } from 'node:url'
import { parseEndpoint, isStandardStream } from '../config/endpoint.ts'
import { holdsSecret, withPasswordVariable } from '../config/hide-credentials.ts'
import { DocferryError } from '../errors.ts'
import type { Facts } from '../contracts/inspection.ts'
import { loadConnector } from '../registry.ts'
import type { ProviderName } from '../types.ts'
import type { GuideEnd } from './report.ts'

export interface End extends GuideEnd {
  readonly facts: Facts
  /** The address, quoted. */
  readonly shell: string
  /** Whether it is made as a whole: a file, or a snapshot of memory. */
  readonly isWhole: boolean
  /** Of such a place, its path, quoted. */
  readonly path: string
}

/** What stands for the other server where both ends are called the same. */
const placeholders: Readonly<Record<ProviderName, string>> = {
  couchdb: 'couchdb://admin@NEW-SERVER:5984?passwordEnv=TARGET_PASSWORD',
  firestore: 'firestore://NEW-PROJECT',
  dynamodb: 'dynamodb://NEW-REGION',
  memory: 'memory:new-snapshot.json',
  file: 'file:new.ndjson.gz'
}

const environments: Readonly<Record<ProviderName, readonly string[]>> = {
  couchdb: ['COUCHDB_URL', 'COUCHDB_USER', 'COUCHDB_PASSWORD'],
  firestore: ['GOOGLE_CLOUD_PROJECT', 'GOOGLE_APPLICATION_CREDENTIALS'],
  dynamodb: ['DYNAMODB_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  memory: ['MEMORY_SNAPSHOT'],
  file: []
}

/** @throws {DocferryError} DOCFERRY_USAGE for what is no address, or can't be read twice; DOCFERRY_CONFIG where a secret would be printed */
export async function readEnds(source: string, target: string): Promise<{ readonly source: End; readonly target: End }> {
  const from = await readEnd(source, 'source')
  const to = await readEnd(target, 'target')
  if (from.address !== to.address) return { source: from, target: to }
  if (from.address !== from.provider)
    throw new DocferryError('DOCFERRY_SAME_PLACE', `source and target are the same place: ${from.address}; name another target`)
  return { source: from, target: await readEnd(placeholders[to.provider], 'target') }
}

async function readEnd(given: string, role: 'source' | 'target'): Promise<End> {
  const named = parseEndpoint(given, `--${role}`)
  const { connector: provider } = named
  if (isStandardStream(named)) throw new DocferryError('DOCFERRY_USAGE', `--${role}: there is no way back from a pipe: name a file`)
  const address = withoutSecrets(
    named.text === 'file' ? (role === 'source' ? 'file:old.ndjson.gz' : placeholders.file) : named.text,
    provider,
    role
  )
  const { facts } = await loadConnector(provider)
  if (!facts) throw new DocferryError('DOCFERRY_BUG', `${provider} tells nothing of itself`)
  const isWhole = provider === 'file' || provider === 'memory'
  const shown = provider === 'file' ? address.replace(/^file:(?=[^/]|\/(?!\/))/, fits) : address
  return {
    provider,
    address: shown,
    variables: variablesOf(address, provider),
    facts,
    shell: quoted(shown),
    isWhole,
    path: isWhole ? pathOf(address) : ''
  }
}

/** A path that needs no `file:` before it is shown as it was given. */
function fits(prefix: string, _offset: number, whole: string): string {
  const path = whole.slice(prefix.length)
  try {
    return parseEndpoint(path).text === whole ? '' : prefix
  } catch (error) {
    if (error instanceof DocferryError) return prefix
    throw error
  }
}

/** A password becomes a variable of its end; a user's name stays. */
function withoutSecrets(text: string, provider: ProviderName, role: 'source' | 'target'): string {
  const clean = withPasswordVariable(text, `${role.toUpperCase()}_PASSWORD`)
  if (!holdsSecret(clean) && (provider === 'couchdb' || !/:\/\/[^/]*@/.test(clean))) return clean
  throw new DocferryError(
    'DOCFERRY_CONFIG',
    `--${role}: the address holds a secret, which a guide must not print: name a variable in its place (?passwordEnv=NAME)`,
    { provider }
  )
}

function variablesOf(address: string, provider: ProviderName): string[] {
  if (address === provider) return [...environments[provider]]
  const named = [...address.matchAll(/[?&]passwordEnv=([^&]+)/g)].map(match => decodeURIComponent(match[1]!))
  // Of a service in a cloud only the address is told, not who asks.
  return provider === 'couchdb' || /[?&](?:endpoint|emulator|profile|credentials)=/.test(address)
    ? named
    : [...named, ...environments[provider].filter(name => /KEY|CREDENTIALS/.test(name))]
}

function pathOf(address: string): string {
  const [, text = ''] = /^(?:memory|file):?([^?]*)/s.exec(address) ?? []
  if (text === '') return '"$MEMORY_SNAPSHOT"'
  const path = text.startsWith('//') ? fileURLToPath(`file:${text}`) : text
  return quoted(path.endsWith('/') ? path.replace(/\/+$/, '') : path)
}

/** For bash, and only where it is needed. */
export function quoted(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
