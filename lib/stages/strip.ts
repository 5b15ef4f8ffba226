import type { Document, Stage } from '../types.ts'
import { changer, withoutFields } from './change-values.ts'
import { parsePath } from './field-path.ts'
import { pathsSchema } from './path-schema.ts'
import { areTopLevel } from './path-tree.ts'
import { names } from './short-forms.ts'
import type { StageSpec } from './stage-spec.ts'
import { alsoInPlace } from './in-place.ts'

export const stripStage: StageSpec<readonly string[]> = {
  name: 'strip',
  summary: 'remove fields',
  description:
    'Removes what the paths lead to; what is not there is no error. A member of a list is removed from the list, by the index that it had before. `_id` always stays.',
  schema: pathsSchema('What is removed.'),
  examples: [
    {
      title: 'a field, one inside another, and one of every member of a list',
      options: ['password', 'profile.phone', 'logins[*].ip'],
      in: { _id: 'u1', name: 'Ada', password: 'x', profile: { phone: '1', city: 'Rome' }, logins: [{ ip: '::1', at: 1 }, { at: 2 }] },
      out: { _id: 'u1', name: 'Ada', profile: { city: 'Rome' }, logins: [{ at: 1 }, { at: 2 }] }
    }
  ],
  short: { usage: 'strip:field,field', parse: names },
  make: strip
}

/**
 * Remove fields. `_id` stays.
 *
 * @param fields paths
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no path
 */
export function strip(fields: readonly string[]): Stage {
  const paths = fields.map(parsePath).filter(path => path[0] !== '_id')
  const top = new Set(paths.map(path => path[0] as string))
  const isTopLevel = areTopLevel(paths)
  return {
    name: 'strip',
    mayRepeatIds: false,
    changesInPlace: false,
    givesValues: true,
    ...(isTopLevel && { drops: [...top] }),
    fields: [...top],
    apply: isTopLevel
      ? alsoInPlace((document: Document) => stripTopLevel(document, top))
      : changer(paths.map(path => [path, remove] as const))
  }
}

function remove(): undefined {}

function stripTopLevel(document: Document, names: ReadonlySet<string>): Document {
  for (const name of names) if (Object.hasOwn(document, name)) return withoutFields(document, names)
  return document
}
