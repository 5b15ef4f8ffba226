import type { Stage } from '../types.ts'
import { fieldsOf } from './field-path.ts'
import { changer, parseFieldPath } from './change-values.ts'
import { hasher, hashingProperties } from './hashing.ts'
import type { HashingOptions } from './hashing.ts'
import { pathsSchema } from './path-schema.ts'
import { names } from './short-forms.ts'
import type { StageMaking, StageSpec } from './stage-spec.ts'

interface HashOptions extends HashingOptions {
  readonly fields: readonly string[]
}

export const hashStage: StageSpec<HashOptions | readonly string[]> = {
  name: 'hash',
  summary: 'replace values by their hash, the same one for the same value',
  description:
    'SHA-256 of the value in its canonical form, or with a key HMAC-SHA-256. Any value can be hashed, a map or a list as a whole; numbers that are equal (1 and 1.0) have one hash. So what was equal before, in any collection, is equal after it, and can still be joined. Null stays null. **Without a key, whoever has a list of e-mail addresses, or can try all numbers, finds out what was hashed: use a key, and keep it apart from the data.**',
  schema: {
    anyOf: [
      pathsSchema('What is hashed.'),
      {
        type: 'object',
        required: ['fields'],
        additionalProperties: false,
        properties: { fields: pathsSchema('What is hashed.'), ...hashingProperties }
      }
    ]
  },
  examples: [
    {
      options: { fields: ['email', 'owner.email'], key: 'a secret', format: 'base64url', length: 22 },
      in: { _id: 't1', email: 'ada@example.com', owner: { email: 'ada@example.com' } },
      out: { _id: 't1', email: 'zwfJaypXzquqxNZ8wOqOU3', owner: { email: 'zwfJaypXzquqxNZ8wOqOU3' } }
    },
    {
      title: 'without a key: only for what nobody can guess',
      options: ['tokens[*]'],
      in: { _id: 'd1', tokens: ['kX9-27-hPq'] },
      out: { _id: 'd1', tokens: ['290b18a87bbc97c36743f8522a3a61cb0f6a2a57e23b29e59a823f22ca7a51d7'] }
    }
  ],
  short: { usage: 'hash:field,field', parse: argument => names(argument) },
  make: (options, making) => hash('fields' in options ? options : { fields: options }, making)
}

/**
 * Replace values by their hash.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no path, and for a key that is not there
 */
export function hash({ fields, ...options }: HashOptions, making: Pick<StageMaking, 'environment'> = { environment: {} }): Stage {
  const { hash: hashOf } = hasher(options, making)
  const changes = fields.map(text => [parseFieldPath(text), hashUnlessNull] as const)
  return {
    name: 'hash',
    mayRepeatIds: false,
    changesInPlace: false,
    fields: fieldsOf(changes.map(([path]) => path)),
    apply: changer(changes)
  }

  function hashUnlessNull(value: Parameters<typeof hashOf>[0]): string | null {
    return value === null ? null : hashOf(value)
  }
}
