import type { Document, Stage, Value } from '../types.ts'
import { isMap, setField } from '../values/index.ts'

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
 * @param onStripped called for each field that a document had, with how many attachments it was
 * @param kept `attachments`: they are moved with the documents
 */
export function stripCouchdbMetadata(
  onStripped?: (collection: string, field: string, attachments: number, documents?: number) => void,
  { attachments = false }: { readonly attachments?: boolean } = {}
): Stage {
  const fields = attachments ? couchdbMetadata.filter(field => field !== '_attachments') : couchdbMetadata
  return {
    name: 'strip-couchdb-metadata',
    mayRepeatIds: false,
    changesInPlace: false,
    givesValues: true,
    drops: fields,
    onDropped: (collection, field, documents, members) => onStripped?.(collection, field, members, documents),
    apply(document, { collection }) {
      let isFound = false
      for (const field of fields) {
        if (!(field in document)) continue
        isFound = true
        onStripped?.(collection, field, field === '_attachments' ? countOf(document[field]) : 0)
      }
      return isFound ? without(document, fields) : document
    }
  }
}

const underscore = 0x5f

function countOf(attachments: Value | undefined): number {
  return attachments !== undefined && isMap(attachments) ? Object.keys(attachments).length : 0
}

/** A copy: an object from which fields were deleted is slow to read from then on. */
function without(document: Document, fields: readonly string[]): Document {
  const copy = {} as Document
  for (const key of Object.keys(document)) {
    // Those of CouchDB begin with an underscore, as does the one that can't be assigned.
    if (key.charCodeAt(0) !== underscore) copy[key] = document[key]!
    else if (!fields.includes(key)) setField(copy, key, document[key]!)
  }
  return copy
}
