import { DocferryError } from '../errors.ts'
import type { Document, Stage, StageContext, Value } from '../types.ts'
import { setField } from '../values/index.ts'
import { copyValue } from './copy-value.ts'
import { Draft } from './draft.ts'
import { alsoInPlace } from './in-place.ts'
import { fieldsOf, parsePath, pathPattern } from './field-path.ts'
import type { FieldPath } from './field-path.ts'
import { configError } from './config-error.ts'
import type { StageSpec } from './stage-spec.ts'
import { compileTemplate, compileTextTemplate, fieldsOfTemplate } from './template.ts'
import type { Template } from './template.ts'

type SetOptions = Readonly<Record<string, unknown>>

export const templateHelp =
  'In a text, `{{ path }}` stands for what is there in the document, `{{ $collection }}` and `{{ $source }}` for where it comes from; filters can follow: `{{ name | trim | upper }}`, `lower`, `slice:0:8`, `replace:old:new`, `json`, `default:x` (for what is missing or null) and `optional` (what is missing is left out). A text that is one placeholder and nothing else keeps the type of the value. A placeholder that leads nowhere makes the stage fail. `{{` as text is written `\\{{`.'

export const setStage: StageSpec<SetOptions> = {
  name: 'set',
  summary: 'set fields to a value, or to a text made of others',
  description: `Maps each path to its value: of any type, with dates and the like as envelopes (\`{ $date: ... }\`), and numbers of any length: \`1.0\` is no \`1\` where the target tells them apart. Maps on the way are made; anything else on the way makes the stage fail. All values are made of the document as it came. ${templateHelp} \`_id\` can be set too, to text.`,
  schema: {
    type: 'object',
    minProperties: 1,
    description: 'Path to value.',
    propertyNames: { pattern: pathPattern },
    additionalProperties: true
  },
  examples: [
    {
      options: { migrated: true, name: '{{ first | trim }} {{ last }}', 'origin.collection': '{{ $collection }}' },
      in: { _id: 'u1', first: 'Ada ', last: 'Lovelace' },
      out: { _id: 'u1', first: 'Ada ', last: 'Lovelace', migrated: true, name: 'Ada Lovelace', origin: { collection: 'documents' } }
    },
    {
      title: 'a value keeps its type; one that may be missing has a default',
      options: { total: '{{ usage.total | default:0 }}', 'messages[*].seen': false },
      in: [
        { _id: 's1', usage: { total: 7 }, messages: [{ role: 'user' }] },
        { _id: 's2', messages: [] }
      ],
      out: [
        { _id: 's1', usage: { total: 7 }, messages: [{ role: 'user', seen: false }], total: 7 },
        { _id: 's2', messages: [], total: 0 }
      ]
    }
  ],
  make: options => set(options)
}

/**
 * Set fields.
 *
 * @param fields path to value; texts are templates
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no path or no template
 */
export function set(fields: SetOptions): Stage {
  const puts = Object.entries(fields).map(([text, value]) => putOf(text, value))
  const isTopLevel = puts.every(({ path }) => path.length === 1)
  return {
    name: 'set',
    mayRepeatIds: puts.some(({ path }) => path[0] === '_id'),
    changesInPlace: isTopLevel,
    fields: [...fieldsOf(puts.map(({ path }) => path)), ...fieldsOfTemplate(Object.values(fields))],
    apply: isTopLevel
      ? alsoInPlace((document, context) => setTopLevel(document, context, puts))
      : alsoInPlace(
          (document, context) => setAnywhere(document, context, puts, false),
          (document, context) => setAnywhere(document, context, puts, true)
        )
  }
}

interface Put {
  readonly path: FieldPath
  readonly template: Template
  readonly name: string
}

function putOf(text: string, value: unknown): Put {
  const path = parsePath(text)
  const name = path[0] as string
  try {
    if (name !== '_id') return { path, name, template: compileTemplate(value) }
    if (path.length > 1) throw configError('_id is text: nothing can be put in it')
    if (typeof value !== 'string') throw configError('it must be text')
    return { path, name, template: idTemplate(value) }
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    throw configError(`${text}: ${error.message}`, error)
  }
}

function idTemplate(text: string): Template {
  const template = compileTextTemplate(text)
  return (document, context) => {
    const id = template(document, context)
    if (id === '') throw new Error('_id would be empty')
    return id
  }
}

/** In place, for a new field in a copy costs much more; a template that fails does so before. */
function setTopLevel(document: Document, context: StageContext, puts: readonly Put[]): Document {
  const values = puts.map(({ template }) => template(document, context))
  for (const [index, { name }] of puts.entries()) {
    const value = values[index]
    if (value !== undefined) setField(document, name, value)
  }
  return document
}

function setAnywhere(document: Document, context: StageContext, puts: readonly Put[], isOwn: boolean): Document {
  // All of the document as it came.
  const values = puts.map(({ template }) => template(document, context))
  const draft = new Draft(document, isOwn)
  for (const [index, { path }] of puts.entries()) {
    const value = values[index]
    if (value !== undefined) draft.put(path, once(value))
  }
  return draft.document
}

/** The value, and for each further place a copy of it. */
export function once(value: Value): () => Value {
  let isTaken = false
  return () => {
    if (isTaken) return copyValue(value)
    isTaken = true
    return value
  }
}
