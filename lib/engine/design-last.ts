/** Reads a source twice where its design documents are wanted: first all else, then these, for their functions judge what is written. */
import type { Page, Partition, RejectDetails, Source } from '../types.ts'

/** Behind the turns that a source has by itself. */
const laterTurn = 1_000
const behind = '#design'

/** @param source that can be read more than once, and does not set design documents apart itself */
export function designLast(source: Source): Source {
  /** Partitions that were read from beginning to end, and held none. */
  const without = new Set<string>()
  return {
    ...source,
    location: source.location,
    uniqueIds: source.uniqueIds,
    collections: options => source.collections(options),
    async partitions(collections, options) {
      const all = await source.partitions(collections, options)
      return [...all, ...all.map(each => ({ ...each, id: each.id + behind, turn: (each.turn ?? 0) + laterTurn }))]
    },
    async *read(partition, options) {
      const inner = innerOf(partition)
      const isLater = inner !== partition
      if (isLater && without.has(inner.id)) return
      let found = options.after !== undefined
      for await (const page of source.read(inner, options)) {
        found ||= page.documents.some(isDesign)
        yield partOf(page, isLater)
      }
      if (!found) without.add(inner.id)
    },
    ...(source.usage && { usage: () => source.usage!() }),
    proof: source.proof,
    parts: source.parts,
    ...(source.security && { security: (name: string, options: { readonly signal?: AbortSignal }) => source.security!(name, options) }),
    close: () => source.close()
  }
}

function innerOf(partition: Partition): Partition {
  const { id, turn = 0, ...rest } = partition
  return id.endsWith(behind) && turn >= laterTurn ? { ...rest, id: id.slice(0, -behind.length), turn: turn - laterTurn } : partition
}

/** What was read the first time is neither counted nor told again. */
function partOf(page: Page, isLater: boolean): Page {
  if (!isLater && !page.documents.some(isDesign)) return page
  const kept = page.documents.flatMap((document, index) => (isDesign(document) === isLater ? [index] : []))
  const { digests, leftOut, rejects, packed, ...rest } = page
  return {
    ...rest,
    // No design document is packed.
    ...(packed && !isLater && { packed }),
    documents: kept.map(index => page.documents[index]!),
    ...(digests && { digests: kept.map(index => digests[index]) }),
    ...(leftOut && { leftOut: kept.map(index => leftOut[index]) }),
    ...(rejects && !isLater && { rejects: rejects.map(details => placed(details, kept)) }),
    bytes: isLater ? 0 : page.bytes
  }
}

/** @param kept indexes of the documents that are left of its page */
function placed(details: RejectDetails, kept: readonly number[]): RejectDetails {
  const { documentsBefore } = details
  return documentsBefore === undefined ? details : { ...details, documentsBefore: kept.filter(index => index < documentsBefore).length }
}

function isDesign({ _id }: { readonly _id: string }): boolean {
  return _id.startsWith('_design/')
}
