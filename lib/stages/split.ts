import type { Document, Stage, StageContext, Value } from '../types.ts'
import { setField, ValueSet } from '../values/index.ts'
import { configError } from './config-error.ts'
import { copyValue } from './copy-value.ts'
import { Draft } from './draft.ts'
import { every, formatPath, isMap, parsePath, placePattern, valueAt } from './field-path.ts'
import type { FieldPath } from './field-path.ts'
import { placeSchema } from './path-schema.ts'
import type { StageSpec } from './stage-spec.ts'
import { compileTextTemplate } from './template.ts'
import { kindText } from './text-of.ts'

export interface SplitOptions {
  /** A path without `*`, to a list, set or map. */
  readonly path: string
  /** A template. Default: old id, hyphen, index or key. */
  readonly id?: string
  /** The field that a member goes to, whatever it is. Default: the fields of a map become the document's; anything else goes to `value`. */
  readonly as?: string
  /** Fields of the old document for each new one: paths, or path to path. */
  readonly keep?: readonly string[] | Readonly<Record<string, string>>
  /** Whether the old document comes too, without the list, before its members. Default false. */
  readonly parent?: boolean
  /** What becomes of a document without members, where it does not come as `parent` anyway. Default `drop`. */
  readonly empty?: 'drop' | 'pass'
}

type Members = readonly Value[] | { readonly [key: string]: Value }

interface Move {
  readonly from: FieldPath
  readonly to: FieldPath
}

interface Splitting {
  readonly path: FieldPath
  readonly as: string | undefined
  readonly kept: readonly Move[]
  readonly parent: boolean
  readonly makeId: MakeId | undefined
}

/** What the template of an id sees as a document: `index` from 0, `key` where the members are those of a map. */
type Naming = { readonly index: number; readonly key?: string; readonly member: Value; readonly parent: Document } & Document

type MakeId = (naming: Naming, context: StageContext) => string

/**
 * Make a document of each member of a list.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no path or no template
 */
export function split({ path: text, id, as, keep = [], parent = false, empty = 'drop' }: SplitOptions): Stage {
  const path = parsePath(text)
  if (path[0] === '_id') throw configError('path: _id is text and has no members')
  if (path.includes(every)) throw configError('path: one list is wanted, and * leads to several')
  if (as === '_id') throw configError('as: _id is made by id')
  const makeId = id === undefined ? undefined : (compileTextTemplate(id) as MakeId)
  const splitting = { path, as, kept: movesOf(keep), parent, makeId }
  return {
    name: 'split',
    changesInPlace: false,
    apply(document, context) {
      const value = valueAt(document, path)
      const list = value === undefined || value === null ? [] : membersOf(value)
      if (!list) throw new Error(`${text}: a list or a map is wanted, and there is ${kindText(value!)}`)
      const isEmpty = Array.isArray(list) ? list.length === 0 : Object.keys(list).length === 0
      if (!isEmpty) return documentsOf(document, list, splitting, context)
      if (parent) return withoutMembers(document, path)
      return empty === 'pass' ? document : undefined
    }
  }
}

function* documentsOf(document: Document, members: Members, options: Splitting, context: StageContext): Generator<Document> {
  const { path, parent: withParent, makeId } = options
  // Whoever gets the parent may change what is in it.
  const parent = withParent && (makeId || options.kept.length > 0) ? (copyValue(withoutMembers(document, path)) as Document) : document
  const kept = keptOf(parent, options.kept)
  const ids = new Set<string>()
  if (withParent) {
    ids.add(document._id)
    yield withoutMembers(document, path)
  }
  let index = 0
  for (const [key, member] of entriesOf(members)) {
    const name = typeof key === 'string' && { key }
    const id = makeId ? makeId({ _id: parent._id, index, ...name, member, parent }, context) : `${document._id}-${key}`
    // The ids that no template makes are different by their index or key.
    if (makeId && ids.size === ids.add(id).size)
      throw new Error(`${placeOf(path, key)} gets an id that the parent or a member before it has`)
    yield documentOf(member, id, placeOf(path, key), options, kept)
    index++
  }
}

interface Kept {
  readonly to: FieldPath
  readonly value: Value
}

function keptOf(parent: Document, moves: readonly Move[]): Kept[] {
  return moves.flatMap(({ from, to }) => {
    const value = valueAt(parent, from)
    return value === undefined ? [] : [{ to, value }]
  })
}

function documentOf(member: Value, id: string, place: string, { as, makeId }: Splitting, kept: readonly Kept[]): Document {
  const document: Document = { _id: id }
  if (as === undefined && isMap(member)) {
    if (Object.hasOwn(member, '_id') && !makeId)
      throw new Error(
        `${place} has an _id of its own: say with "id" what the new one is ({{ member._id }} is possible), or with "as" where it goes`
      )
    for (const field of Object.keys(member)) if (field !== '_id') setField(document, field, member[field]!)
  } else setField(document, as ?? 'value', member)
  if (kept.length === 0) return document
  const draft = new Draft(document)
  for (const { to, value } of kept) {
    draft.put(to, before => {
      if (before === undefined) return copyValue(value)
      throw new Error(`keep: ${place} has a field ${formatPath(to)} already`)
    })
  }
  return draft.document
}

function placeOf(path: FieldPath, key: string | number): string {
  return formatPath([...path, key])
}

/** One by one: a list may be long. */
function* entriesOf(members: Members): Generator<[string | number, Value]> {
  if (Array.isArray(members)) yield* (members as Value[]).entries()
  else for (const [key, member] of Object.entries(members)) if (member !== undefined) yield [key, member]
}

function membersOf(value: Value): Members | undefined {
  if (Array.isArray(value) || isMap(value)) return value
  return value instanceof ValueSet ? value.members : undefined
}

function withoutMembers(document: Document, path: FieldPath): Document {
  const draft = new Draft(document)
  draft.remove(path)
  return draft.document
}

function movesOf(keep: NonNullable<SplitOptions['keep']>): Move[] {
  const pairs = Array.isArray(keep) ? (keep as string[]).map(path => [path, path] as const) : Object.entries(keep)
  return pairs.map(([from, to], index) => {
    const target = parsePath(to)
    const place = Array.isArray(keep) ? `keep[${index}]` : `keep.${from}`
    if (target[0] === '_id')
      throw configError(`${place}: the _id of a new document is made by id; to keep the old one write keep: { _id: parent_id }`)
    if (target.includes(every)) throw configError(`${place}: one place is wanted, and * leads to several`)
    return { from: parsePath(from), to: target }
  })
}

const keepDescription = 'What each new document gets of the old one: a list of paths, or a map of path to path (`_id: session_id`).'

export const splitStage: StageSpec<string | SplitOptions> = {
  name: 'split',
  summary: 'make a document of each member of a list',
  description: `The fields of a member become the document's; a member that is no map goes to \`as\`, or to \`value\`. The new id is the old one, a hyphen, and the index of the member in its list (from 0) or its key in its map. \`id\` says otherwise: a template as in \`set\`, which sees \`_id\` (the old one), \`index\`, \`key\`, \`member\` and \`parent\`. A member's own \`_id\` gives way to it; without \`id\` it is an error. Two members never get one id: that is an error too. Members come one by one, so that a long list needs no more memory.`,
  schema: {
    anyOf: [
      placeSchema('Where the list, set or map is.'),
      {
        type: 'object',
        required: ['path'],
        additionalProperties: false,
        properties: {
          path: placeSchema('Where the list, set or map is.'),
          id: {
            type: 'string',
            minLength: 1,
            default: '{{ _id }}-{{ index }}',
            description: 'The id of each new document, as a template. Default: `{{ _id }}-{{ index }}`, or `{{ _id }}-{{ key }}` for a map.'
          },
          as: {
            type: 'string',
            minLength: 1,
            description:
              'A field that the member goes to, whatever it is. Default: the fields of a map become fields of the document; anything else goes to `value`.'
          },
          keep: {
            description: keepDescription,
            anyOf: [
              { type: 'array', items: placeSchema('A path.'), description: keepDescription },
              {
                type: 'object',
                propertyNames: { pattern: placePattern },
                additionalProperties: placeSchema('The path in the new document.'),
                description: keepDescription
              }
            ]
          },
          parent: {
            type: 'boolean',
            default: false,
            description: 'Whether the old document comes too, without the list, before its members. Default: false.'
          },
          empty: {
            enum: ['drop', 'pass'],
            default: 'drop',
            description:
              'What becomes of a document that has no members there: it is left out, or passes as it is. Default: drop. With `parent` it always comes.'
          }
        }
      }
    ]
  },
  examples: [
    {
      title: 'sessions into messages',
      options: { path: 'messages', keep: { _id: 'session_id', user: 'user' } },
      in: {
        _id: 's1',
        user: 'u7',
        messages: [
          { role: 'user', text: 'Hi' },
          { role: 'agent', text: 'Hello' }
        ]
      },
      out: [
        { _id: 's1-0', role: 'user', text: 'Hi', session_id: 's1', user: 'u7' },
        { _id: 's1-1', role: 'agent', text: 'Hello', session_id: 's1', user: 'u7' }
      ]
    },
    {
      title: 'a map, with the parent',
      options: { path: 'prices', as: 'amount', id: '{{ key | lower }}:{{ _id }}', parent: true },
      in: { _id: 'p1', name: 'Pen', prices: { EUR: 2, USD: 3 } },
      out: [
        { _id: 'p1', name: 'Pen' },
        { _id: 'eur:p1', amount: 2 },
        { _id: 'usd:p1', amount: 3 }
      ]
    }
  ],
  short: { usage: 'split:path', parse: path => path },
  make: options => split(typeof options === 'string' ? { path: options } : options)
}
