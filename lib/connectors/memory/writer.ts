/** Writes a store of this process, and its snapshot when the run ends. */
import { access, constants } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { DocferryError, describeError } from '../../errors.ts'
import { defaultRules } from '../../types.ts'
import type { Document, OnConflict, OnConversion, OpenContext, Target, WriteOutcome } from '../../types.ts'
import { isOrdinary, plainDocument } from '../../values/index.ts'
import { changesOf } from './changes.ts'
import { memoryLimits } from './limits.ts'
import { addressOf, checkOptions } from './options.ts'
import type { MemoryOptions } from './options.ts'
import { identityOf, loadSnapshot, saveSnapshot, versionOf } from './snapshot.ts'
import { createMemoryStore } from './store.ts'
import { copyDocument } from './values.ts'

/** The payload is a copy that belongs to the store from then on. */
export async function openMemoryTarget(
  options: MemoryOptions,
  { signal, rules = defaultRules, readOnly }: OpenContext
): Promise<Target<Document>> {
  checkOptions(options, 'target')
  const { store = createMemoryStore(), snapshot } = options
  let version: string | undefined
  if (snapshot !== undefined) {
    if (!readOnly) await checkFolder(snapshot)
    version = await versionOf(snapshot)
    if (version !== undefined) await loadSnapshot(store, snapshot, { signal, unreadable: 'DOCFERRY_TARGET' })
  }
  const asHeld = (document: Document, onConversion?: OnConversion): Document =>
    rules.types === 'plain' && !isOrdinary(document) ? plainDocument(document, { onConversion }) : document

  return {
    location: { provider: 'memory', address: addressOf(options), identity: await identityOf(store, snapshot) },
    limits: memoryLimits,
    checkCollection: collection =>
      collection === '' ? { code: 'DOCFERRY_COLLECTION_NAME', message: 'a collection without a name' } : undefined,
    prepare(collection, { create }) {
      const documents = store.collections.get(collection)
      if (create) store.collection(collection)
      return Promise.resolve({ created: documents === undefined, empty: (documents?.size ?? 0) === 0, documents: documents?.size ?? 0 })
    },
    encode(_, document, onConversion) {
      try {
        const { document: copy, bytes } = copyDocument(asHeld(document, onConversion))
        return { id: copy._id, bytes: Math.ceil(bytes), payload: copy }
      } catch (error) {
        if (error instanceof DocferryError) return { code: error.code, message: error.message }
        throw error
      }
    },
    write(collection, batch, { onConflict, signal: aborted }) {
      if (aborted?.aborted) return Promise.reject(aborted.reason as Error)
      const documents = store.collection(collection)
      return Promise.resolve(batch.map(({ payload }) => put(documents, payload, onConflict)))
    },
    get(collection, ids, { idsOnly = false }) {
      const documents = store.collections.get(collection)
      const found = ids.flatMap(id => documents?.get(id) ?? [])
      return Promise.resolve(found.map(document => (idsOnly ? { _id: document._id } : copyDocument(document).document)))
    },
    readBack: (_, document) => asHeld(document),
    keepsKinds: true,
    ...changesOf(store),
    async commit({ signal: aborted }) {
      if (snapshot === undefined) return
      // What another process has saved meanwhile would be lost.
      if ((await versionOf(snapshot)) !== version) {
        const message = `the snapshot ${snapshot} was changed by somebody else while the run was under way, and is left as it is: run it again`
        throw new DocferryError('DOCFERRY_TARGET', message, { provider: 'memory' })
      }
      await saveSnapshot(store, snapshot, aborted)
      version = await versionOf(snapshot)
    },
    async close() {}
  }
}

function put(documents: Map<string, Document>, document: Document, onConflict: OnConflict): WriteOutcome {
  if (onConflict !== 'overwrite' && documents.has(document._id)) {
    if (onConflict === 'skip') return 'skipped'
    return { code: 'DOCFERRY_CONFLICT', message: 'the store holds a document of this id already', retryable: false }
  }
  documents.set(document._id, document)
  return 'written'
}

async function checkFolder(snapshot: string): Promise<void> {
  const folder = dirname(resolve(snapshot))
  try {
    await access(folder, constants.W_OK)
  } catch (error) {
    throw new DocferryError('DOCFERRY_TARGET', `the snapshot ${snapshot} can't be saved in ${folder}: ${describeError(error)}`, {
      provider: 'memory',
      cause: error
    })
  }
}
