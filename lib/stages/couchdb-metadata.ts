import type { Stage } from '../types.ts'

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
    apply(document, { collection }) {
      for (const field of couchdbMetadata) {
        if (!(field in document)) continue
        delete document[field]
        onStripped?.(collection, field)
      }
      return document
    }
  }
}
