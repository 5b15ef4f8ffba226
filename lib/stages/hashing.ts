/** Hashes of values, for `hash` and `id`: where both are told the same, they give the same. */
import { createHash, createHmac } from 'node:crypto'
import type { Value } from '../values/index.ts'
import { encodeCanonical } from '../values/index.ts'
import { configError } from './config-error.ts'
import type { JsonSchema, StageMaking } from './stage-spec.ts'

export interface HashingOptions {
  readonly key?: string
  readonly keyVariable?: string
  readonly format?: 'hex' | 'base64url'
  readonly length?: number
}

export const hashingProperties = {
  key: {
    type: 'string',
    minLength: 1,
    writeOnly: true,
    description:
      'The secret of an HMAC: in a pipeline, taken from a variable or a file (`${HASH_KEY}`). Without it, or `keyVariable`, a plain SHA-256.'
  },
  keyVariable: { type: 'string', minLength: 1, description: 'The name of the environment variable that holds the key.' },
  format: {
    enum: ['hex', 'base64url'],
    default: 'hex',
    description:
      'How the hash is written: 64 characters as hex, 43 as base64url. As base64url it may begin with - or _: CouchDB refuses ids that begin with _.'
  },
  length: {
    type: 'integer',
    minimum: 8,
    maximum: 64,
    description: 'How many characters of it are kept; default all. Of 16 in hex, two out of five billion values are likely to be equal.'
  }
} satisfies Readonly<Record<string, JsonSchema>>

/** From here on no two hashes are equal by chance. */
const safeBits = 128

export interface Hasher {
  readonly hash: (value: Value) => string
  /** Whether different values have different hashes. */
  readonly isUnique: boolean
}

/** @throws {DocferryError} DOCFERRY_CONFIG */
export function hasher(options: HashingOptions, { environment }: Pick<StageMaking, 'environment'>): Hasher {
  const { format = 'hex', length = Infinity } = options
  const key = keyOf(options, environment)
  const full = format === 'hex' ? 64 : 43
  if (Number.isFinite(length) && length > full) throw configError(`length: a hash as ${format} has ${full} characters`)
  const bits = Math.min(length, full) * (format === 'hex' ? 4 : 6)
  return {
    isUnique: bits >= safeBits,
    hash(value) {
      const bytes = encodeCanonical(value)
      const digest = (key === undefined ? createHash('sha256') : createHmac('sha256', key)).update(bytes).digest(format)
      return length < full ? digest.slice(0, length) : digest
    }
  }
}

function keyOf({ key, keyVariable }: HashingOptions, environment: StageMaking['environment']): string | undefined {
  if (key !== undefined && keyVariable !== undefined) throw configError('keyVariable: give either key or keyVariable')
  if (keyVariable === undefined) return key
  const found = environment[keyVariable]
  if (!found) throw configError(`keyVariable: the variable ${keyVariable} is not set`)
  return found
}
