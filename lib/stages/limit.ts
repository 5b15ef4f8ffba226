import type { Json, Stage } from '../types.ts'
import { Deltas } from './deltas.ts'
import type { StageSpec } from './stage-spec.ts'

export interface LimitOptions {
  /** How many documents pass. */
  readonly count: number
  /** How many are left out before them. Default 0. */
  readonly skip?: number
  /** Of all collections together. Default false: of each. */
  readonly across?: boolean
}

/** Let the first documents pass, and no more. */
export function limit({ count, skip = 0, across = false }: LimitOptions): Stage {
  const most = skip + count
  const seen = new Map<string, number>()
  const deltas = new Deltas()
  const nameOf = (collection: string): string => (across ? '' : collection)
  return {
    name: 'limit',
    mayRepeatIds: false,
    changesInPlace: false,
    apply(document, { collection, partition }) {
      const name = nameOf(collection)
      const before = seen.get(name) ?? 0
      if (before >= most) return undefined
      seen.set(name, before + 1)
      deltas.add(partition, name)
      return before >= skip ? document : undefined
    },
    isSated: collection => (seen.get(nameOf(collection)) ?? 0) >= most,
    state: {
      take: partition => deltas.take(partition),
      restore(piece: Json) {
        for (const [name, added] of piece as [string, number][]) seen.set(name, (seen.get(name) ?? 0) + added)
      }
    }
  }
}

const countSchema = { type: 'integer', minimum: 0, description: 'How many documents pass.' }

export const limitStage: StageSpec<number | LimitOptions> = {
  name: 'limit',
  summary: 'let the first documents of each collection pass',
  description:
    'The source is not read further than needed. Where several parts of a collection are read at once (`parallel`), which documents come first is left to chance; a run that is gone on with counts on from what the target had acknowledged, so that after a crash the target may hold a few documents more. `sample` chooses the same documents each time.',
  schema: {
    anyOf: [
      countSchema,
      {
        type: 'object',
        required: ['count'],
        additionalProperties: false,
        properties: {
          count: countSchema,
          skip: { type: 'integer', minimum: 0, default: 0, description: 'How many are left out before them. Default: 0.' },
          across: {
            type: 'boolean',
            default: false,
            description: 'Whether to count all collections together. Default: false, each for itself.'
          }
        }
      }
    ]
  },
  examples: [
    { title: 'the first two', options: 2, in: [{ _id: 'a' }, { _id: 'b' }, { _id: 'c' }], out: [{ _id: 'a' }, { _id: 'b' }] },
    {
      title: 'two after the first',
      options: { count: 2, skip: 1 },
      in: [{ _id: 'a' }, { _id: 'b' }, { _id: 'c' }, { _id: 'd' }],
      out: [{ _id: 'b' }, { _id: 'c' }]
    }
  ],
  short: {
    usage: 'limit:100',
    parse(argument) {
      if (!/^\s*\d+\s*$/.test(argument)) throw new SyntaxError('a whole number is needed')
      return Number(argument)
    }
  },
  make: options => limit(typeof options === 'number' ? { count: options } : options)
}
