import { DocferryError } from '../errors.ts'
import type { Document, Stage } from '../types.ts'

/**
 * Rename top-level fields, keeping their place. `_id` can be neither end of it.
 *
 * @param names old name to new name
 * @throws {DocferryError} DOCFERRY_STAGE, from the stage, for a document that has a field of the new name already
 */
export function rename(names: Readonly<Record<string, string>>): Stage {
  const renamed = new Map(Object.entries(names))
  if (renamed.has('_id') || [...renamed.values()].includes('_id')) {
    throw new DocferryError('DOCFERRY_CONFIG', 'rename: _id can be neither the old nor the new name of a field')
  }
  return {
    name: 'rename',
    mayRepeatIds: false,
    changesInPlace: false,
    apply(document) {
      const fields = Object.entries(document)
      if (!fields.some(([field]) => renamed.has(field))) return document
      const result = Object.fromEntries(fields.map(([field, value]) => [renamed.get(field) ?? field, value])) as Document
      if (Object.keys(result).length < fields.length) {
        throw new DocferryError('DOCFERRY_STAGE', 'rename: the document has a field of the new name already', { stage: 'rename' })
      }
      return result
    }
  }
}
