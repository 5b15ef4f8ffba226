import { createHash } from 'node:crypto'
import type { Document, Stage, StageContext, Value } from '../types.ts'
import { encodeCanonical } from '../values/index.ts'
import { configError } from './config-error.ts'
import { Draft } from './draft.ts'
import { fieldsOf, formatPath, parsePath, valueAt } from './field-path.ts'
import type { FieldPath } from './field-path.ts'
import { hasher, hashingProperties } from './hashing.ts'
import type { HashingOptions } from './hashing.ts'
import { placeSchema } from './path-schema.ts'
import { names } from './short-forms.ts'
import type { StageMaking, StageSpec } from './stage-spec.ts'
import { kindText, textOf } from './text-of.ts'

interface IdOptions extends HashingOptions {
  readonly fields?: readonly string[]
  readonly separator?: string
  readonly uuid?: true
  readonly namespace?: string
  readonly hash?: readonly string[]
  readonly keep?: string
}

const placesSchema = (description: string): object => ({
  type: 'array',
  minItems: 1,
  items: placeSchema('A path without `*`; `_id` is the id that the document has.'),
  description
})

export const idStage: StageSpec<IdOptions> = {
  name: 'id',
  summary: 'give documents another id: from fields, a UUID, or a hash',
  description:
    'Give one of `fields`, `uuid` and `hash`. All are the same whenever the same document is read. A field that is missing, null, or no text, number, boolean or time makes the stage fail. What refers to documents by their old id is not changed; `hash: [_id]` gives what the stage `hash` with the same key, format and length makes of such a reference. Ids made of other fields may repeat: the first document wins, as in any conflict. Design documents of CouchDB keep their id, which is their meaning.',
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      fields: placesSchema('The id is the text of these, in this order, with the separator between them.'),
      separator: { type: 'string', default: '-', description: 'Of `fields`.' },
      uuid: { const: true, description: 'The id is a UUID (version 8), made of collection, old id and namespace.' },
      namespace: { type: 'string', description: 'Of `uuid`: another one gives other UUIDs.' },
      hash: placesSchema('The id is a hash of these: of one value as the stage `hash` makes it, of several as of their list.'),
      ...hashingProperties,
      keep: placeSchema('Where the old id goes. The stage fails where something else stands there.')
    },
    dependentRequired: {
      separator: ['fields'],
      namespace: ['uuid'],
      key: ['hash'],
      keyVariable: ['hash'],
      format: ['hash'],
      length: ['hash']
    }
  },
  examples: [
    {
      options: { fields: ['tenant', 'number'], keep: 'old_id' },
      in: { _id: '8f1', tenant: 'acme', number: 12 },
      out: { _id: 'acme-12', tenant: 'acme', number: 12, old_id: '8f1' }
    },
    { options: { uuid: true }, in: { _id: 'ada@example.com' }, out: { _id: 'a02b4282-bfbf-866a-a829-0d41742d9660' } },
    {
      options: { hash: ['_id'], key: 'a secret', length: 32 },
      in: { _id: 'ada@example.com' },
      out: { _id: 'cf07c96b2a57ceabaac4d67cc0ea8e53' }
    }
  ],
  short: { usage: 'id:field,field', parse: argument => ({ fields: names(argument) }) },
  make: id
}

/**
 * Give documents another id.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG
 */
export function id(options: IdOptions, making: Pick<StageMaking, 'environment'> = { environment: {} }): Stage {
  const { makeId, isUnique } = makerOf(options, making)
  const keep = options.keep === undefined ? undefined : parsePath(options.keep)
  if (keep?.[0] === '_id') throw configError('keep: _id is the new id')
  return {
    name: 'id',
    mayRepeatIds: !isUnique,
    changesInPlace: false,
    fields: fieldsOf([...[...(options.fields ?? []), ...(options.hash ?? [])].map(parsePath), ...(keep ? [keep] : [])]),
    apply(document, context) {
      if (document._id.startsWith('_design/')) return document
      const made = makeId(document, context)
      if (made === '') throw new Error('the id would be empty')
      return keep ? keepOld(document, made, keep) : { ...document, _id: made }
    }
  }
}

interface Maker {
  readonly makeId: (document: Document, context: StageContext) => string
  /** Whether documents of a collection that had different ids have different ones again. */
  readonly isUnique: boolean
}

function makerOf(options: IdOptions, making: Pick<StageMaking, 'environment'>): Maker {
  const { fields, uuid, hash, separator = '-', namespace = '', ...hashing } = options
  const given = Object.entries({ fields, uuid, hash }).filter(([, value]) => value)
  if (given.length === 0) throw configError('give one of fields, uuid and hash')
  if (given.length > 1) throw configError(`${given.at(-1)![0]}: give only one of fields, uuid and hash`)
  if (uuid) return { makeId: ({ _id }, { collection }) => uuidOf([namespace, collection, _id]), isUnique: true }
  if (hash) {
    const paths = hash.map(parsePath)
    const { hash: hashOf, isUnique } = hasher(hashing, making)
    const makeId: Maker['makeId'] =
      paths.length === 1 ? document => hashOf(wanted(document, paths[0]!)) : document => hashOf(paths.map(path => wanted(document, path)))
    return { makeId, isUnique: isUnique && hash.includes('_id') }
  }
  const paths = fields!.map(parsePath)
  return { makeId: document => paths.map(path => wantedText(document, path)).join(separator), isUnique: fields!.join() === '_id' }
}

function keepOld(document: Document, made: string, keep: FieldPath): Document {
  const draft = new Draft({ ...document, _id: made })
  draft.put(keep, there => {
    if (there !== undefined && there !== document._id)
      throw new Error(`${formatPath(keep)}: something stands there, where the old id would go`)
    return document._id
  })
  return draft.document
}

function wanted(document: Document, path: FieldPath): Value {
  const value = valueAt(document, path)
  if (value === undefined || value === null)
    throw new Error(`${formatPath(path)}: ${value === null ? 'is null' : 'is not there'}, and the id is made of it`)
  return value
}

function wantedText(document: Document, path: FieldPath): string {
  const value = wanted(document, path)
  const text = textOf(value)
  if (text === undefined) throw new Error(`${formatPath(path)}: ${kindText(value)} can't be part of an id`)
  return text
}

/** RFC 9562, version 8: the first bits of a SHA-256. */
function uuidOf(parts: readonly string[]): string {
  const bytes = createHash('sha256')
    .update(encodeCanonical([...parts]))
    .digest()
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
