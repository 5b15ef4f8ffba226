import type { Document, Stage } from '../types.ts'
import { compileQuery, fieldsOfQuery } from './query/index.ts'
import type { QueryOptions } from './query/index.ts'
import type { JsonSchema, StageSpec } from './stage-spec.ts'
import { alsoInPlace } from './in-place.ts'

const queries = (description: string): JsonSchema => ({ type: 'array', minItems: 1, items: { type: 'object' }, description })

/** A query, as `filter` and others take it. */
export const querySchema: JsonSchema = {
  type: 'object',
  description: 'Fields and what they should be: `status: active`, or operators: `age: { $gte: 18 }`.',
  minProperties: 1,
  properties: {
    $and: queries('All of these queries must match.'),
    $or: queries('One of these queries must match.'),
    $nor: queries('None of these queries may match.'),
    $expr: { description: 'An expression that must be true, such as `{ $gt: [$spent, $budget] }`.' }
  },
  additionalProperties: { description: 'What the field of this name should be: a value, or a map of operators.' }
}

/**
 * Let only documents pass that match.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG, with all that is wrong in the query
 */
export function filter(query: QueryOptions): Stage {
  const matches = compileQuery(query)
  const fields = fieldsOfQuery(query)
  return {
    name: 'filter',
    mayRepeatIds: false,
    changesInPlace: false,
    ...(fields && { fields }),
    apply: alsoInPlace((document: Document) => (matches(document) ? document : undefined))
  }
}

const operators =
  '`$eq $ne $gt $gte $lt $lte $in $nin $exists $type $regex $mod $size $all $elemMatch $not $bitsAllSet $bitsAnySet $bitsAllClear $bitsAnyClear`'

export const filterStage: StageSpec<QueryOptions> = {
  name: 'filter',
  summary: 'let only documents pass that match a query',
  description: `The query is MongoDB's: fields and what they should be, with ${operators}, joined by \`$and\`, \`$or\`, \`$nor\`, and with \`$expr\` to compare fields with one another. To let pass what does *not* match, write \`{ $nor: [query] }\`. A path (\`messages.role\`) looks into every member of a list; \`messages.0.role\` into one.

Numbers of all kinds compare as numbers, exactly; sets and vectors like lists. A time in a document compares with \`{ $date: 2026-01-31T12:00:00Z }\`, and with a text that is a day or a time with its zone; a reference equals the text of its path. Values of different kinds are neither less nor more than one another. In \`$expr\`, numbers are doubles, times have milliseconds, and constants are written with \`$literal\` where they begin with \`$\`. \`$where\`, \`$function\` and whatever else runs code is refused.`,
  schema: querySchema,
  examples: [
    {
      title: 'only what is active and was changed since',
      options: { status: 'active', 'usage.cost': { $gte: 0.5 }, updated_at: { $gte: '2026-01-01' } },
      in: [
        { _id: '1', status: 'active', usage: { cost: 1 }, updated_at: '2026-03-01T10:00:00Z' },
        { _id: '2', status: 'active', usage: { cost: 1 }, updated_at: '2025-12-31T10:00:00Z' },
        { _id: '3', status: 'closed', usage: { cost: 1 }, updated_at: '2026-03-01T10:00:00Z' }
      ],
      out: [{ _id: '1', status: 'active', usage: { cost: 1 }, updated_at: '2026-03-01T10:00:00Z' }]
    },
    {
      title: 'all but tests',
      options: { $nor: [{ _id: { $regex: '^test-' } }, { tags: 'test' }] },
      in: [{ _id: 'test-1' }, { _id: '2', tags: ['a', 'test'] }, { _id: '3', tags: ['a'] }],
      out: [{ _id: '3', tags: ['a'] }]
    },
    {
      title: 'fields compared with one another',
      options: { $expr: { $gt: ['$spent', '$budget'] } },
      in: [
        { _id: '1', spent: 5, budget: 9 },
        { _id: '2', spent: 9, budget: 5 }
      ],
      out: { _id: '2', spent: 9, budget: 5 }
    }
  ],
  make: query => filter(query)
}
