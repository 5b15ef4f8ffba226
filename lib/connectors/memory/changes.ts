/** Changes documents that nobody else has changed, and removes empty collections. */
import type { ChangeOutcome, Document, Held, Target } from '../../types.ts'
import { documentDigest } from '../../values/index.ts'
import type { MemoryStore } from './store.ts'
import { copyDocument } from './values.ts'

/** The methods of a target that holds this store. A document's version is its digest: a program may change it in its place. */
export function changesOf(store: MemoryStore): Required<Pick<Target<Document>, 'look' | 'change' | 'dropCollection'>> {
  return {
    async look(collection, ids, { signal }) {
      signal?.throwIfAborted()
      const documents = store.collections.get(collection)
      return ids
        .flatMap(id => documents?.get(id) ?? [])
        .map(document => ({ document: copyDocument(document).document, version: digest(document) }))
    },
    async change(collection, changes, { signal }) {
      signal?.throwIfAborted()
      const documents = store.collections.get(collection)
      return changes.map(({ seen, put }): ChangeOutcome => {
        const { document, version } = seen as Held<string>
        const held = documents?.get(document._id)
        if (!documents || !held || digest(held) !== version) return 'changed'
        if (put) documents.set(document._id, put.payload)
        else documents.delete(document._id)
        return 'done'
      })
    },
    async dropCollection(collection, { signal }) {
      signal?.throwIfAborted()
      return store.collections.get(collection)?.size === 0 && store.collections.delete(collection)
    }
  }
}

function digest(document: Document): string {
  return Buffer.from(documentDigest(document)).toString('base64')
}
