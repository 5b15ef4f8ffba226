import type { Document, Stage, Value } from '../types.ts'
import { DocferryError } from '../errors.ts'
import { canonicalBytes } from '../values/index.ts'
import { fieldsOf, parsePath, valueAt } from './field-path.ts'
import { placeSchema } from './path-schema.ts'
import type { StageSpec } from './stage-spec.ts'

export interface SampleOptions {
  /** 0 to 1, or text such as `1%`. */
  readonly share: number | string
  /** Another seed chooses other documents. */
  readonly seed?: string | number
  /** A path without `*`: documents that are equal there pass, or don't, together. Default `_id`. */
  readonly by?: string
}

/**
 * Let a share of the documents pass, chosen by a hash: the same ones each time.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for a share that is none
 */
export function sample({ share, seed = '', by = '_id' }: SampleOptions): Stage {
  const limit = shareOf(share) * 2 ** 32
  const start = hashText(`${seed}`, 0x3c6ef372)
  const path = parsePath(by)
  const text = by === '_id' ? (document: Document) => document._id : (document: Document) => textOf(valueAt(document, path)) ?? document._id
  return {
    name: 'sample',
    mayRepeatIds: false,
    changesInPlace: false,
    fields: fieldsOf([path]),
    apply: document => (finish(hashText(text(document), start)) < limit ? document : undefined)
  }
}

function shareOf(share: number | string): number {
  const match = typeof share === 'string' ? /^\s*(\d+(?:\.\d+)?|\.\d+)\s*(%?)\s*$/.exec(share) : undefined
  const value = typeof share === 'number' ? share : match ? Number(match[1]) / (match[2] ? 100 : 1) : NaN
  if (value > 0 && value <= 1) return value
  throw new DocferryError('DOCFERRY_CONFIG', 'share: a share of the documents is wanted: 1%, or a number over 0 and up to 1')
}

/** Undefined where there is nothing to choose by. */
function textOf(value: Value | undefined): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? value : Buffer.from(canonicalBytes({ _id: '', value })).toString('latin1')
}

/** FNV-1a over the code units. */
function hashText(text: string, start: number): number {
  let hash = start
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash
}

/** The end of MurmurHash3, after which each bit depends on all. 0 to 2^32 - 1. */
function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

const shareSchema = (description: string) => [
  { type: 'number', exclusiveMinimum: 0, maximum: 1, description },
  { type: 'string', pattern: '^\\s*(\\d+(\\.\\d+)?|\\.\\d+)\\s*%?\\s*$', description }
]

export const sampleStage: StageSpec<number | string | SampleOptions> = {
  name: 'sample',
  summary: 'let a share of the documents pass, the same ones each time',
  description:
    'Documents are chosen by a hash of their id, so that the same ones come each time and from each place, and what is in 1% is in 2% too. `by: user_id` takes all documents of a user, or none: where collections refer to one another, the sample is whole.',
  schema: {
    anyOf: [
      ...shareSchema('The share: `1%`, or `0.01`.'),
      {
        type: 'object',
        required: ['share'],
        additionalProperties: false,
        properties: {
          share: { description: 'The share: `1%`, or `0.01`.', anyOf: shareSchema('`1%`, or `0.01`.') },
          seed: { type: ['string', 'number'], default: '', description: 'Another seed chooses other documents. Default: empty.' },
          by: {
            ...placeSchema(
              'What to choose by: documents that are equal there pass, or do not, together. Where it is missing or null, `_id`. Default: `_id`.'
            ),
            default: '_id'
          }
        }
      }
    ]
  },
  examples: [
    {
      title: 'about half of them',
      options: '50%',
      in: [{ _id: 'a' }, { _id: 'b' }, { _id: 'c' }, { _id: 'd' }],
      out: [{ _id: 'a' }, { _id: 'd' }]
    },
    {
      title: 'all documents of some users',
      options: { share: 0.5, by: 'user', seed: 'y' },
      in: [
        { _id: 's1', user: 'u1' },
        { _id: 's2', user: 'u3' },
        { _id: 's3', user: 'u1' }
      ],
      out: [
        { _id: 's1', user: 'u1' },
        { _id: 's3', user: 'u1' }
      ]
    }
  ],
  short: { usage: 'sample:1%', parse: share => share },
  make: options => sample(typeof options === 'object' ? options : { share: options })
}
