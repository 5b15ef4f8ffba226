import type { Document, Stage, Value } from '../types.ts'
import { setField } from '../values/index.ts'
import type { ValueMap } from '../values/index.ts'
import { isMap } from './field-path.ts'
import { flattenProperties, keptWhole } from './flatten.ts'
import type { FlattenOptions } from './flatten.ts'
import type { StageSpec } from './stage-spec.ts'

export const unflattenStage: StageSpec<FlattenOptions> = {
  name: 'unflatten',
  summary: 'make maps of fields with joined names',
  description:
    'The opposite of `flatten`. What is a map already takes further fields; a field that would stand in the place of another makes the stage fail. `_id` and the fields of CouchDB stay as they are.',
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...flattenProperties,
      lists: {
        type: 'boolean',
        default: false,
        description: 'Whether a map that is made here becomes a list where its fields are 0, 1, 2 and so on.'
      }
    }
  },
  examples: [
    {
      options: {},
      in: { _id: 'u1', 'address.city': 'Rome', name: 'Ada', 'address.geo.lat': 41.9 },
      out: { _id: 'u1', address: { city: 'Rome', geo: { lat: 41.9 } }, name: 'Ada' }
    },
    {
      title: 'lists too',
      options: { lists: true },
      in: { _id: 'u1', 'tags.0': 'a', 'tags.1': 'b' },
      out: { _id: 'u1', tags: ['a', 'b'] }
    }
  ],
  make: unflatten
}

/** Make maps of fields with joined names. */
export function unflatten({ separator = '.', depth = Infinity, lists = false }: FlattenOptions = {}): Stage {
  return {
    name: 'unflatten',
    mayRepeatIds: false,
    changesInPlace: false,
    apply(document) {
      const names = Object.keys(document)
      if (!names.some(isJoined)) return document
      const fields = new Fields()
      for (const name of names) fields.put(isJoined(name) ? split(name) : [name], document[name]!, name)
      return (lists ? fields.withLists() : fields.root) as Document
    }
  }

  function isJoined(name: string): boolean {
    return name.includes(separator) && !keptWhole.has(name)
  }

  function split(name: string): string[] {
    const parts = name.split(separator)
    return parts.length <= depth + 1 ? parts : [...parts.slice(0, depth), parts.slice(depth).join(separator)]
  }
}

/** A document that is being put together; what it shares with the one that came is copied before it is changed. */
class Fields {
  readonly root: ValueMap = {}
  /** Copies that nobody else holds. */
  readonly #own = new Set<ValueMap>([this.root])
  /** Those of them that were no maps before. */
  readonly #made = new Set<ValueMap>()

  put(steps: readonly string[], value: Value, name: string): void {
    let holder = this.root
    for (let index = 0; index < steps.length - 1; index++) holder = this.#open(holder, steps[index]!, name)
    const last = steps.at(-1)!
    const there = Object.hasOwn(holder, last) ? holder[last] : undefined
    if (there === undefined) return setField(holder, last, value)
    if (!isMap(there) || !isMap(value)) throw new Error(`${JSON.stringify(name)}: another field stands in its place`)
    for (const key of Object.keys(value)) this.put([...steps, key], value[key]!, name)
  }

  #open(holder: ValueMap, step: string, name: string): ValueMap {
    const there = Object.hasOwn(holder, step) ? holder[step] : undefined
    if (there !== undefined && !isMap(there)) throw new Error(`${JSON.stringify(name)}: another field stands in the way`)
    if (there !== undefined && this.#own.has(there)) return there
    const map = { ...there }
    this.#own.add(map)
    if (there === undefined) this.#made.add(map)
    setField(holder, step, map)
    return map
  }

  withLists(map: ValueMap = this.root): Value {
    for (const key of Object.keys(map)) {
      const value = map[key]!
      if (isMap(value) && this.#own.has(value)) setField(map, key, this.withLists(value))
    }
    const keys = Object.keys(map)
    const isList = this.#made.has(map) && keys.every((key, index) => key === String(index))
    return isList ? keys.map(key => map[key]!) : map
  }
}
