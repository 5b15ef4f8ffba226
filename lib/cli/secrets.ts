/** Secrets that reached the process by its command line or environment, and must not leave it in any text. */
import { censored, hideCredentials, passwordsIn } from '../config/hide-credentials.ts'
import type { Environment } from '../types.ts'

export type Mask = (text: string) => string

/** A shorter secret would take ordinary letters out of every text; the URL that holds it is masked as a whole all the same. */
const shortestMasked = 4

/** Variables that hold secrets, by the least length of a real one: AWS's have 40 characters, and what is short is made up for an emulator. */
const secretVariables = { COUCHDB_PASSWORD: shortestMasked, AWS_SECRET_ACCESS_KEY: 16, AWS_SESSION_TOKEN: 16 } as const

/** A function for texts that others wrote (errors, logs): takes known secrets and all credentials in URLs out. */
export function createMask(argv: readonly string[], environment: Environment = {}, known: readonly string[] = []): Mask {
  const secrets = new Set<string>(known)
  for (const argument of [...argv, environment['COUCHDB_URL'] ?? '']) {
    for (const secret of passwordsIn(argument, environment)) secrets.add(secret)
  }
  for (const [name, least] of Object.entries(secretVariables)) {
    const value = environment[name] ?? ''
    if (value.length >= least) secrets.add(value)
  }
  const masked = [...secrets].filter(secret => secret.length >= shortestMasked).sort((a, b) => b.length - a.length)
  return text => masked.reduce((clean, secret) => clean.replaceAll(secret, censored), hideCredentials(text))
}
