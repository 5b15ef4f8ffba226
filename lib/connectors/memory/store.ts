/** Collections of documents in this process. */
import { randomUUID } from 'node:crypto'
import type { Document } from '../../values/index.ts'

/**
 * A store for tests, examples and programs of one process. Runs copy documents in and out, so that what a program does with a document
 * afterwards does not change the store.
 */
export class MemoryStore {
  /** Tells one store from another. */
  readonly id = randomUUID()
  /** Collection name -> document id -> document, in the order of insertion. */
  readonly collections = new Map<string, Map<string, Document>>()

  /** The documents of a collection, which is made if it is missing. */
  collection(name: string): Map<string, Document> {
    let documents = this.collections.get(name)
    if (!documents) this.collections.set(name, (documents = new Map()))
    return documents
  }
}

export function createMemoryStore(): MemoryStore {
  return new MemoryStore()
}
