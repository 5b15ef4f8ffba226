import type { Document, Stage, Value } from '../types.ts'
import { setField } from '../values/index.ts'

/** The fields by which CouchDB speaks of a document's revisions and attachments; no other database knows what to do with them. */
export const couchdbMetadata = [
  '_rev',
  '_attachments',
  '_revisions',
  '_revs_info',
  '_conflicts',
  '_deleted_conflicts',
  '_local_seq'
] as const

/**
 * Remove CouchDB's own top-level fields.
 *
 * @param onStripped called for each field that a document had
 */
export function stripCouchdbMetadata(onStripped?: (collection: string, field: string) => void): Stage {
  return {
    name: 'strip-couchdb-metadata',
    mayRepeatIds: false,
    changesInPlace: false,
    apply(document, { collection }) {
      const found = couchdbMetadata.filter(field => field in document)
      if (found.length === 0) return document
      for (const field of found) onStripped?.(collection, field)
      return without(document, found)
    }
  }
}

/** A copy: an object from which fields were deleted is slow to read from then on. */
function without(document: Document, fields: readonly string[]): Document {
  const copy = {} as Document
  for (const key of Object.keys(document)) if (!fields.includes(key)) setField(copy, key, document[key] as Value)
  return copy
}
