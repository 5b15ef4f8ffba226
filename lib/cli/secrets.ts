/** Secrets that reached the process by its command line or environment, and must not leave it in any text. */
import { censored, hideCredentials } from '../config/hide-credentials.ts'
import type { Environment } from '../types.ts'

export type Mask = (text: string) => string

/** A shorter secret would take ordinary letters out of every text; the URL that holds it is masked as a whole all the same. */
const shortestMasked = 4

/** Variables that hold secrets, by the least length of a real one: AWS's have 40 characters, and what is short is made up for an emulator. */
const secretVariables = { COUCHDB_PASSWORD: shortestMasked, AWS_SECRET_ACCESS_KEY: 16, AWS_SESSION_TOKEN: 16 } as const

/** A function for texts that others wrote (errors, logs): takes known secrets and all credentials in URLs out. */
export function createMask(argv: readonly string[], environment: Environment = {}): Mask {
  const secrets = new Set<string>()
  for (const argument of [...argv, environment['COUCHDB_URL'] ?? '']) {
    const userInfo = /:\/\/(.*)@/s.exec(argument)?.[1]
    const password = userInfo?.includes(':') ? userInfo.slice(userInfo.indexOf(':') + 1) : undefined
    for (const secret of [password, ...queryPasswords(argument, environment)]) {
      if (secret === undefined) continue
      secrets.add(secret)
      secrets.add(decoded(secret))
    }
  }
  for (const [name, least] of Object.entries(secretVariables)) {
    const value = environment[name] ?? ''
    if (value.length >= least) secrets.add(value)
  }
  const known = [...secrets].filter(secret => secret.length >= shortestMasked).sort((a, b) => b.length - a.length)
  return text => known.reduce((masked, secret) => masked.replaceAll(secret, censored), hideCredentials(text))
}

/** The values of parameters that are secrets; `passwordEnv=NAME` names a variable, whose value is one. */
function queryPasswords(argument: string, environment: Environment): (string | undefined)[] {
  const found = argument.matchAll(/[?&]([^=&]*(?:pass|secret|token)[^=&]*)=([^&]+)/gi)
  return [...found].map(([, name = '', value = '']) => (name.endsWith('Env') ? environment[value] : value))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}
