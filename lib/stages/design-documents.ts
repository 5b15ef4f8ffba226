import type { Stage } from '../types.ts'

/** Leave CouchDB's design documents (`_design/...`: views and indexes) out: they are code for a CouchDB server, not data. */
export function leaveOutDesignDocuments(): Stage {
  return {
    name: 'leave-out-design-documents',
    mayRepeatIds: false,
    changesInPlace: false,
    givesValues: true,
    // Ids that begin with an underscore are never packed.
    drops: [],
    apply: document => (document._id.startsWith('_design/') ? undefined : document)
  }
}
