import { DocferryError } from '../errors.ts'
import type { Document, Stage, StageContext, Value } from '../types.ts'
import { setField } from '../values/index.ts'
import { configError } from './config-error.ts'
import { Draft } from './draft.ts'
import { every, fieldsOf, isMap, parsePath } from './field-path.ts'
import type { FieldPath } from './field-path.ts'
import { mapOfPaths } from './path-schema.ts'
import { alsoInPlace } from './in-place.ts'
import { once, templateHelp } from './set.ts'
import type { StageSpec } from './stage-spec.ts'
import { compileTemplate, fieldsOfTemplate } from './template.ts'
import type { Template } from './template.ts'

interface DefaultOptions {
  readonly fields: Readonly<Record<string, unknown>>
  readonly null?: boolean
}

export const defaultStage: StageSpec<DefaultOptions> = {
  name: 'default',
  summary: 'give fields a value where they are missing',
  description: `As \`set\`, but only where nothing is. ${templateHelp}`,
  schema: {
    type: 'object',
    required: ['fields'],
    additionalProperties: false,
    properties: {
      fields: mapOfPaths('Path to value.', true),
      null: { type: 'boolean', default: false, description: 'Whether also a field that is null gets the value.' }
    }
  },
  examples: [
    {
      options: { fields: { role: 'user', 'settings.language': 'en' }, null: true },
      in: [
        { _id: 'u1', role: null },
        { _id: 'u2', role: 'admin', settings: { language: 'it' } }
      ],
      out: [
        { _id: 'u1', role: 'user', settings: { language: 'en' } },
        { _id: 'u2', role: 'admin', settings: { language: 'it' } }
      ]
    }
  ],
  make: setDefault
}

/**
 * Give fields a value where they are missing.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no path or no template
 */
export function setDefault({ fields, null: alsoNull = false }: DefaultOptions): Stage {
  const puts = Object.entries(fields).map(([text, value]) => {
    const path = parsePath(text)
    if (path[0] === '_id') throw configError(`fields.${text}: every document has an _id`)
    return { path, template: templateOf(text, value) }
  })
  const isTopLevel = puts.every(({ path }) => path.length === 1)
  const isNothing = (value: Value | undefined): boolean => value === undefined || (alsoNull && value === null)
  return {
    name: 'default',
    mayRepeatIds: false,
    changesInPlace: isTopLevel,
    fields: [...fieldsOf(puts.map(({ path }) => path)), ...fieldsOfTemplate(Object.values(fields))],
    apply: isTopLevel
      ? alsoInPlace((document, context) => fillTopLevel(document, context, puts, isNothing))
      : alsoInPlace(
          (document, context) => fill(document, context, puts, isNothing, false),
          (document, context) => fill(document, context, puts, isNothing, true)
        )
  }
}

function templateOf(text: string, value: unknown): Template {
  try {
    return compileTemplate(value)
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    throw configError(`fields.${text}: ${error.message}`, error)
  }
}

/** In place, for a new field in a copy costs much more; a template that fails does so before. */
function fillTopLevel(
  document: Document,
  context: StageContext,
  puts: readonly { readonly path: FieldPath; readonly template: Template }[],
  isNothing: (value: Value | undefined) => boolean
): Document {
  const wanted = puts.filter(({ path }) => isWanted(document, path, 0, isNothing))
  const values = wanted.map(({ template }) => template(document, context))
  for (const [index, { path }] of wanted.entries()) {
    const value = values[index]
    if (value !== undefined) setField(document, path[0] as string, value)
  }
  return document
}

function fill(
  document: Document,
  context: StageContext,
  puts: readonly { readonly path: FieldPath; readonly template: Template }[],
  isNothing: (value: Value | undefined) => boolean,
  isOwn: boolean
): Document {
  const wanted = puts.filter(({ path }) => isWanted(document, path, 0, isNothing))
  if (wanted.length === 0) return document
  const values = wanted.map(({ template }) => template(document, context))
  const draft = new Draft(document, isOwn)
  for (const [index, { path }] of wanted.entries()) {
    const made = values[index]
    if (made === undefined) continue
    const next = once(made)
    draft.put(path, value => (isNothing(value) ? next() : value!))
  }
  return draft.document
}

/** Whether nothing stands at a place that the path leads to. */
function isWanted(holder: Value, path: FieldPath, depth: number, isNothing: (value: Value | undefined) => boolean): boolean {
  const step = path[depth]!
  if (step === every) {
    if (!Array.isArray(holder) && !isMap(holder)) return false
    return Object.values(holder).some(member => isWantedAt(member, path, depth, isNothing))
  }
  const isThere = typeof holder === 'object' && holder !== null && Object.hasOwn(holder, step)
  return isWantedAt(isThere ? (holder as Record<string | number, Value>)[step as string] : undefined, path, depth, isNothing)
}

function isWantedAt(value: Value | undefined, path: FieldPath, depth: number, isNothing: (value: Value | undefined) => boolean): boolean {
  if (depth === path.length - 1) return isNothing(value)
  if (value === undefined) return path[depth + 1] !== every
  return isWanted(value, path, depth + 1, isNothing)
}
