/** What is asked about what lies below the documents of a collection. */
import { runParallel } from '../../engine/run-parallel.ts'
import type { Document, RejectDetails } from '../../types.ts'
import { stringifyJson } from '../../values/index.ts'
import type { FirestoreConnection } from './client.ts'
import type { DocumentDecoder } from './decoder.ts'
import { isDocumentPath } from './limits.ts'
import { getDocuments } from './lookup.ts'

/** Of so many documents it is asked which subcollections they have. */
const sampledDocuments = 10

const askedAtOnce = 5

interface DocumentList {
  readonly documents: readonly { readonly name: string }[]
}

interface CollectionIds {
  readonly collectionIds: readonly string[]
}

/**
 * Names of subcollections that the first documents have, also those of documents that are only a path to others. Not all there are: each
 * document may have its own.
 *
 * @param onRead told of what is billed as a document read
 */
export async function sampleSubcollections(
  connection: FirestoreConnection,
  collection: string,
  { signal, onRead }: { readonly signal?: AbortSignal | undefined; readonly onRead: (reads: number) => void }
): Promise<string[]> {
  const context = connection.context('read', collection)
  const request = {
    parent: connection.root,
    collectionId: collection,
    pageSize: sampledDocuments,
    showMissing: true,
    mask: { fieldPaths: [] }
  }
  const { documents } = await connection.call<DocumentList>('ListDocuments', request, context, { signal })
  onRead(Math.max(1, documents.length))
  const names = new Set<string>()
  await runParallel(documents, askedAtOnce, async ({ name }) => {
    const asked = { parent: name, pageSize: 100 }
    const { collectionIds } = await connection.call<CollectionIds>('ListCollectionIds', asked, context, { signal })
    onRead(1)
    for (const id of collectionIds) names.add(id)
  })
  return [...names].sort()
}

export interface Twins {
  readonly documents: Document[]
  /** Those whose id, once it is read as it was before it was escaped, is the path of another document. */
  readonly rejects?: RejectDetails[]
}

/** Two documents of one id would be one in a target: the escaped one, of which there are hardly any, is looked up and gives way. */
export async function partTwins(
  connection: FirestoreConnection,
  documents: Document[],
  {
    decoder,
    collection,
    signal
  }: { readonly decoder: DocumentDecoder; readonly collection: string; readonly signal?: AbortSignal | undefined }
): Promise<Twins> {
  const isRestored = (document: Document): boolean => decoder.storedId(document) !== document._id && isDocumentPath(document._id)
  const paths = documents.filter(isRestored).map(({ _id }) => _id)
  if (paths.length === 0) return { documents }
  const rules = { types: 'natural', escapeNames: false, subcollections: true } as const
  const found = await getDocuments(connection, paths, { collection, rules, ofSource: true, idsOnly: true, ...(signal && { signal }) })
  const taken = new Set(found.map(({ _id }) => _id))
  const isTwin = (document: Document): boolean => taken.has(document._id) && isRestored(document)
  return {
    documents: documents.filter(document => !isTwin(document)),
    rejects: documents.filter(isTwin).map(document => ({
      code: 'DOCFERRY_BAD_ID',
      message: 'its escaped id is the path of another document, in a subcollection: give one of them another id',
      where: `${collection}/${decoder.storedId(document)}`,
      id: document._id,
      raw: stringifyJson(document)
    }))
  }
}
