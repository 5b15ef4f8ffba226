import { hash } from 'node:crypto'
import type { Document, Json, Stage, Value } from '../types.ts'
import { encodeCanonical } from '../values/index.ts'
import { every, parsePath, valueAt, valuesAt } from './field-path.ts'
import type { FieldPath } from './field-path.ts'
import { KeyWindow } from './key-window.ts'
import { pathsSchema } from './path-schema.ts'
import { names } from './short-forms.ts'
import type { StageSpec } from './stage-spec.ts'
import { formatCount } from '../values/format-count.ts'

export interface DedupeOptions {
  /** Paths; documents that are equal in all of them are the same. Default: the whole document without `_id`. */
  readonly by?: readonly string[]
  /** Over all collections. Default false: in each. */
  readonly across?: boolean
  /** How many keys are remembered. Default 1,000,000, which takes 24 MB. */
  readonly most?: number
}

const defaultMost = 1_000_000

/** Of documents with one key, only the first passes. */
export function dedupe({ by, across = false, most = defaultMost }: DedupeOptions = {}): Stage {
  const keyOf = by ? keyAt(by.map(parsePath)) : wholeDocument
  const window = new KeyWindow(most)
  const fresh = new FreshKeys()
  const key = new Uint32Array(4)
  return {
    name: 'dedupe',
    mayRepeatIds: false,
    changesInPlace: false,
    apply(document, { collection, partition }) {
      const identity = keyOf(document, across ? '' : collection)
      if (!identity) return document
      const bytes = digest(identity, key)
      if (!window.add(key)) return undefined
      if (partition !== undefined) fresh.add(partition, bytes)
      return document
    },
    state: {
      take: partition => fresh.take(partition),
      restore(piece: Json) {
        const bytes = Buffer.from(piece as string, 'base64')
        for (let at = 0; at + 16 <= bytes.length; at += 16) {
          for (let word = 0; word < 4; word++) key[word] = bytes.readUInt32BE(at + 4 * word)
          window.add(key)
        }
      }
    },
    notes: () => notesOf(window, most)
  }
}

function notesOf({ forgotten }: KeyWindow, most: number): string[] {
  if (forgotten === 0) return []
  return [
    `there were more than ${formatCount(most)} different keys, so ${formatCount(forgotten)} were forgotten, the oldest first: documents equal to those may have passed again (most: a larger number)`
  ]
}

/** @returns a document to be hashed; undefined for one without a key */
type KeyOf = (document: Document, collection: string) => Document | undefined

const wholeDocument: KeyOf = ({ _id, ...fields }, collection) => {
  void _id
  return { _id: collection, fields }
}

function keyAt(paths: readonly FieldPath[]): KeyOf {
  const reads = paths.map(path => (path.includes(every) ? allAt(path) : (document: Document) => valueAt(document, path) ?? null))
  return (document, collection) => {
    const values = reads.map(read => read(document))
    return values.every(value => value === null) ? undefined : { _id: collection, values }
  }
}

function allAt(path: FieldPath): (document: Document) => Value {
  return document => {
    const values = [...valuesAt(document, path)]
    return values.length > 0 ? values : null
  }
}

/** The first 128 bits of SHA-256, into `key`; @returns them as 16 characters of one byte each */
function digest(identity: Document, key: Uint32Array): string {
  const text = hash('sha256', encodeCanonical(identity), 'binary')
  for (let word = 0; word < 4; word++) {
    const at = 4 * word
    key[word] =
      ((text.charCodeAt(at) << 24) | (text.charCodeAt(at + 1) << 16) | (text.charCodeAt(at + 2) << 8) | text.charCodeAt(at + 3)) >>> 0
  }
  return text.slice(0, 16)
}

/** The keys of each partition that came since its last mark. */
class FreshKeys {
  readonly #keys = new Map<string, string[]>()

  add(partition: string, key: string): void {
    const keys = this.#keys.get(partition)
    if (keys) keys.push(key)
    else this.#keys.set(partition, [key])
  }

  take(partition: string): string | undefined {
    const keys = this.#keys.get(partition)
    if (!keys) return undefined
    this.#keys.delete(partition)
    return Buffer.from(keys.join(''), 'latin1').toString('base64')
  }
}

export const dedupeStage: StageSpec<readonly string[] | DedupeOptions> = {
  name: 'dedupe',
  summary: 'leave out documents that are equal to one before',
  description: `The first of several passes. Equal are documents with the same values in all fields of \`by\`, or, without it, in all fields but \`_id\`; 1 equals 1.0, and the order of fields does not count. A document that has none of the fields, or only null, always passes. Keys are remembered as hashes of 128 bits, up to \`most\`; beyond that the oldest are forgotten, and the run says so. Where several parts of a source are read at once, which document comes first is left to chance.`,
  schema: {
    anyOf: [
      pathsSchema('Documents that are equal in all of these fields are the same.'),
      {
        type: 'object',
        additionalProperties: false,
        properties: {
          by: pathsSchema('Documents that are equal in all of these fields are the same. Default: all fields but `_id`.'),
          across: {
            type: 'boolean',
            default: false,
            description: 'Whether documents of different collections can be the same. Default: false.'
          },
          most: {
            type: 'integer',
            minimum: 1,
            maximum: 100_000_000,
            default: defaultMost,
            description: 'How many keys are remembered; 1,000,000 take 24 MB. Default: 1000000.'
          }
        }
      }
    ]
  },
  examples: [
    {
      title: 'one document for each e-mail',
      options: ['email'],
      in: [{ _id: '1', email: 'a@b.c' }, { _id: '2', email: 'a@b.c', name: 'Ada' }, { _id: '3' }, { _id: '4' }],
      out: [{ _id: '1', email: 'a@b.c' }, { _id: '3' }, { _id: '4' }]
    },
    {
      title: 'copies under another id',
      options: {},
      in: [
        { _id: '1', a: 1, b: [2] },
        { _id: '2', b: [2], a: 1 },
        { _id: '3', a: 1, b: [] }
      ],
      out: [
        { _id: '1', a: 1, b: [2] },
        { _id: '3', a: 1, b: [] }
      ]
    }
  ],
  short: { usage: 'dedupe:field,field', parse: names },
  make: options => dedupe(Array.isArray(options) ? { by: options } : (options as DedupeOptions))
}
