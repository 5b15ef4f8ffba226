import { isMap } from '../values/index.ts'
import type { Document, Value, ValueMap } from '../values/index.ts'
import type { Stage, StageContext } from '../types.ts'
import { configError } from './config-error.ts'
import { copyValue } from './copy-value.ts'
import { Draft } from './draft.ts'
import { parsePath, valueAt } from './field-path.ts'
import { copyResult, isConstructor, numberView, pairsOf, passedOnFields } from './jsonata/doubles.ts'
import type { NumberView } from './jsonata/doubles.ts'
import { compileExpression } from './jsonata/expression.ts'
import type { Expression } from './jsonata/expression.ts'
import { placeSchema } from './path-schema.ts'
import type { StageSpec } from './stage-spec.ts'
import { kindText } from './text-of.ts'

export interface MapOptions {
  /** In JSONata. */
  readonly expression: string
  /** A path without `*`; default: the result is the document. */
  readonly field?: string
}

/**
 * What a JSONata expression makes of each document: one, several, or none; or one field.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for an expression that is none, with the place in it
 */
export async function map({ expression: text, field }: MapOptions): Promise<Stage> {
  const expression = await compileExpression(text, ['collection', 'source'])
  return field === undefined ? mapDocument(expression) : mapField(expression, field)
}

function mapDocument(expression: Expression): Stage {
  const passedOn = passedOnFields(expression.ast)
  const { ast } = expression
  const keepsId = isConstructor(ast) && pairsOf(ast).every(([key]) => key.type === 'string' && key.value !== '_id')
  return {
    name: 'map',
    mayRepeatIds: !keepsId,
    changesInPlace: false,
    apply: (document, context) => {
      const numbers = viewFor(expression, document)
      return expression.evaluate(numbers.input, bindingsOf(context)).then(result => documentsOf(result, document, numbers, passedOn))
    }
  }
}

function mapField(expression: Expression, field: string): Stage {
  const path = parsePath(field)
  const isId = path[0] === '_id'
  if (isId && path.length > 1) throw configError(`field: _id is text, so ${field} is no place in it`)
  return {
    name: 'map',
    mayRepeatIds: isId,
    changesInPlace: false,
    apply: (document, context) => {
      const numbers = viewFor(expression, document)
      return expression.evaluate(numbers.input, bindingsOf(context)).then(result => {
        if (result === undefined) return document
        const value = copyResult(result as Value, valueAt(document, path), numbers.originals)
        if (isId && typeof value !== 'string') throw new Error(`_id: the expression gives ${kindText(value)}, no text`)
        const draft = new Draft(document)
        draft.put(path, () => value)
        return draft.document
      })
    }
  }
}

function viewFor(expression: Expression, document: Document): NumberView {
  const numbers = numberView(document)
  if (!expression.marksLists || numbers.input !== document) return numbers
  return { input: copyValue(document), originals: numbers.originals }
}

function bindingsOf({ collection, source }: StageContext): Record<string, unknown> {
  return { collection, source }
}

function documentsOf(
  result: unknown,
  document: Document,
  { input, originals }: NumberView,
  passedOn: ReturnType<typeof passedOnFields>
): Document | Document[] | undefined {
  if (result === undefined || result === null) return undefined
  if (result === input) return document
  if (Array.isArray(result)) return listOf(result as Value[], document, originals)
  if (!isMap(result as Value))
    throw new Error(`the expression gives ${kindText(result as Value)}, where a document, a list of documents or nothing is wanted`)
  const made = copyResult(result as Value, document, originals) as ValueMap
  for (const [field, path] of originals.size > 0 ? passedOn : []) {
    if (Object.hasOwn(made, field)) made[field] = copyResult(made[field]!, valueAt(document, path), originals)
  }
  return withId(made, document._id)
}

function listOf(results: readonly Value[], { _id }: Document, originals: NumberView['originals']): Document[] {
  const ids = new Set<unknown>()
  return results.map((result, index) => {
    if (!isMap(result)) throw new Error(`the expression gives ${kindText(result)} as member ${index} of a list, where documents are wanted`)
    const made = copyResult(result, undefined, originals) as ValueMap
    if (results.length > 1 && made['_id'] === undefined)
      throw new Error(`the expression gives several documents, and number ${index} has no _id`)
    if (ids.has(made['_id'])) throw new Error(`the expression gives several documents, and number ${index} has the _id of one before it`)
    ids.add(made['_id'])
    return withId(made, _id)
  })
}

function withId(fields: ValueMap, id: string): Document {
  if (fields['_id'] === undefined) return { _id: id, ...fields }
  if (typeof fields['_id'] !== 'string') throw new Error(`_id: the expression gives ${kindText(fields['_id'])}, no text`)
  return fields as Document
}

const expressionSchema = { type: 'string', minLength: 1, description: 'A JSONata expression (https://docs.jsonata.org).' }

export const mapStage: StageSpec<string | MapOptions> = {
  name: 'map',
  summary: 'make another document, several or none, by a JSONata expression',
  description: `The result is the document, a list of documents, or nothing. Where it has no \`_id\` the old one is taken; each document of a list of several needs one of its own. \`$merge([$, { ... }])\` keeps all other fields. With \`field\`, the result goes to that one place instead; where there is none, nothing changes.

Numbers are numbers there; a double that is whole, such as 1.0, stays one where it is only passed on. What JSON has no form for (times, bytes, references, points, sets, vectors, integers past 2^53, long decimals) is passed on as it is, and its parts can be asked for: \`created.seconds\`, \`author.path\`, \`place.latitude\`, \`tags.members\`. \`$plain(x)\` gives its plain form (a time as ISO text, bytes as base64, digits as text), \`$time(text)\` makes a time. \`$collection\` and \`$source\` are names. \`$now\`, \`$millis\`, \`$random\`, \`$shuffle\` and \`$eval\` are refused: a document must give the same result each time.`,
  schema: {
    anyOf: [
      expressionSchema,
      {
        type: 'object',
        required: ['expression'],
        additionalProperties: false,
        properties: {
          expression: expressionSchema,
          field: placeSchema('Where the result goes, as a path; the rest of the document stays. Default: the result is the document.')
        }
      }
    ]
  },
  examples: [
    {
      title: 'a new form',
      options: '{ "name": first & " " & last, "spent": $sum(orders.(price * count)) }',
      in: {
        _id: 'u1',
        first: 'Ada',
        last: 'Byron',
        orders: [
          { price: 2, count: 3 },
          { price: 5, count: 1 }
        ]
      },
      out: { _id: 'u1', name: 'Ada Byron', spent: 11 }
    },
    {
      title: 'one field, and all others as they are',
      options: { expression: '$count(messages[role = "user"])', field: 'stats.questions' },
      in: { _id: 's1', messages: [{ role: 'user' }, { role: 'agent' }, { role: 'user' }] },
      out: { _id: 's1', messages: [{ role: 'user' }, { role: 'agent' }, { role: 'user' }], stats: { questions: 2 } }
    },
    {
      title: 'several documents, or none',
      options: 'items.{ "_id": $$._id & "-" & sku, "order": $$._id, "sku": sku }',
      in: [
        { _id: 'o1', items: [{ sku: 'a' }, { sku: 'b' }] },
        { _id: 'o2', items: [] }
      ],
      out: [
        { _id: 'o1-a', order: 'o1', sku: 'a' },
        { _id: 'o1-b', order: 'o1', sku: 'b' }
      ]
    }
  ],
  short: { usage: 'map:(expression)', parse: expression => expression },
  make: options => map(typeof options === 'string' ? { expression: options } : options)
}
