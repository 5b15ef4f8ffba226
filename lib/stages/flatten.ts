import type { Document, Stage, Value } from '../types.ts'
import { setField } from '../values/index.ts'
import { couchdbMetadata } from './couchdb-metadata.ts'
import { isMap } from './field-path.ts'
import type { StageSpec } from './stage-spec.ts'

export interface FlattenOptions {
  readonly separator?: string
  readonly depth?: number
  readonly lists?: boolean
}

export const flattenProperties = {
  separator: { type: 'string', minLength: 1, default: '.', description: 'What stands between the names.' },
  depth: { type: 'integer', minimum: 1, description: 'How many levels; default all.' }
}

export const flattenStage: StageSpec<FlattenOptions> = {
  name: 'flatten',
  summary: 'put the fields of maps at the top, under joined names',
  description:
    'Empty maps and lists stay. A joined name that is there already makes the stage fail. `unflatten` gives the document back, unless names have the separator in them. `_id` and the fields of CouchDB such as `_attachments` stay as they are.',
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...flattenProperties,
      lists: { type: 'boolean', default: false, description: 'Whether the members of lists become fields too: `tags.0`.' }
    }
  },
  examples: [
    {
      options: {},
      in: { _id: 'u1', name: 'Ada', address: { city: 'Rome', geo: { lat: 41.9 } }, tags: ['a'] },
      out: { _id: 'u1', name: 'Ada', 'address.city': 'Rome', 'address.geo.lat': 41.9, tags: ['a'] }
    },
    {
      title: 'one level, and lists',
      options: { separator: '_', depth: 1, lists: true },
      in: { _id: 'u1', address: { geo: { lat: 41.9 } }, tags: ['a', 'b'] },
      out: { _id: 'u1', address_geo: { lat: 41.9 }, tags_0: 'a', tags_1: 'b' }
    }
  ],
  make: flatten
}

/** Fields that are no data of the user's, and keep their form. */
export const keptWhole: ReadonlySet<string> = new Set(['_id', ...couchdbMetadata])

/** Put the fields of maps at the top, under joined names. */
export function flatten({ separator = '.', depth = Infinity, lists = false }: FlattenOptions = {}): Stage {
  return {
    name: 'flatten',
    mayRepeatIds: false,
    changesInPlace: false,
    apply(document) {
      const result = {} as Document
      let isFlat = true
      for (const name of Object.keys(document)) {
        const value = document[name]!
        if (keptWhole.has(name) || !isNested(value)) put(result, name, value)
        else {
          isFlat = false
          putMembers(result, name, value, 1)
        }
      }
      return isFlat ? document : result
    }
  }

  /** A list of nothing, and what has no members, is a value. */
  function isNested(value: Value): value is Value[] | { [key: string]: Value } {
    if (Array.isArray(value)) return lists && value.length > 0
    return isMap(value) && Object.keys(value).length > 0
  }

  function putMembers(result: Document, prefix: string, holder: Value[] | { [key: string]: Value }, level: number): void {
    for (const name of Object.keys(holder)) {
      const value = (holder as { [key: string]: Value })[name]!
      const joined = prefix + separator + name
      if (level < depth && isNested(value)) putMembers(result, joined, value, level + 1)
      else put(result, joined, value)
    }
  }

  function put(result: Document, name: string, value: Value): void {
    if (value === undefined) return
    if (Object.hasOwn(result, name)) throw new Error(`two fields would be called ${JSON.stringify(name)}`)
    setField(result, name, value)
  }
}
