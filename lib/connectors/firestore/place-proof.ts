/**
 * Which collection of an emulator it really is. Emulators say nothing of themselves, and any of them may have any project; so the first document tells, by
 * the moment when it was made, to the microsecond. The service has one address, and needs no such thing.
 */
import { withRetry } from '../../engine/retry.ts'
import type { PlaceProof } from '../../types.ts'
import type { FirestoreConnection } from './client.ts'
import { byName, descendantsOf, namesOnly } from './queries.ts'

interface FirstAnswer {
  readonly document?: {
    readonly name: string
    readonly createTime?: { readonly seconds: string | number; readonly nanos: number } | null
  } | null
}

export function placeProof(connection: FirestoreConnection): PlaceProof | undefined {
  if (!connection.emulator) return undefined
  const { root } = connection
  return {
    called: 'collection',
    async collection(name, { signal }) {
      const structuredQuery = { ...descendantsOf(root, name), select: { fields: namesOnly }, orderBy: byName, limit: { value: 1 } }
      const ask = () =>
        connection.collectObjects<FirstAnswer>('RunQuery', { parent: root, structuredQuery }, connection.context('open', name), { signal })
      const { document } = (await withRetry(ask, { signal })).find(answer => answer.document) ?? {}
      if (!document?.createTime) return undefined
      const { seconds, nanos } = document.createTime
      return JSON.stringify([document.name, String(seconds), nanos])
    }
  }
}
