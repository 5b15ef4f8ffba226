/** Stores in memory that tell when they are read and looked at, so that a spec can change documents in between. */
import { memoryConnector } from '../../lib/connectors/memory/index.ts'
import { createMemoryStore } from '../../lib/connectors/memory/store.ts'
import type { MemoryStore } from '../../lib/connectors/memory/store.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { Connector, Document } from '../../lib/types.ts'

export interface Hooks {
  /** Called before a partition is read, with how often that was so, from 1. */
  readonly onRead?: (time: number) => void | Promise<void>
  /** Called before documents are looked at by their ids, with how often that was so, from 1. */
  readonly onLook?: (time: number) => void | Promise<void>
}

export function hooked(store: MemoryStore, { onRead, onLook }: Hooks): Endpoint {
  let reads = 0
  let looks = 0
  const connector: Connector<{ store: MemoryStore }> = {
    ...memoryConnector,
    configure: () => ({ store }),
    async openSource(options, context) {
      const source = await memoryConnector.openSource(options, context)
      return {
        ...source,
        async *read(partition, reading) {
          await onRead?.(++reads)
          yield* source.read(partition, reading)
        }
      }
    },
    async openTarget(options, context) {
      const target = await memoryConnector.openTarget(options, context)
      return {
        ...target,
        async look(collection, ids, looking) {
          await onLook?.(++looks)
          return await target.look!(collection, ids, looking)
        }
      }
    }
  }
  return { connector: connector as Connector, options: { store } }
}

export function storeWith(documents: readonly Document[], name = 'a'): MemoryStore {
  const store = createMemoryStore()
  store.collections.set(name, new Map(documents.map(document => [document._id, document])))
  return store
}
