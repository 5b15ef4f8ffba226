/** The second look: both sides are read again, and what lies in buckets that differ is compared by its ids. */
import { digestsOf, expectedOf } from '../engine/held.ts'
import { DocferryError } from '../errors.ts'
import type { Document, Target } from '../types.ts'
import { bucketOf } from '../values/bucket-sums.ts'
import { compareId } from './compare.ts'
import type { Verdict } from './compare.ts'
import { isOfDocument } from './first-look.ts'
import type { CollectionLook } from './first-look.ts'
import { isInSample } from './id-hash.ts'
import type { Visitor } from './read-end.ts'
import type { Side } from './report.ts'
import type { Spool, SpooledId } from './spool.ts'

/** A difference that was found, and may be gone by now. */
export interface Found {
  readonly held: SpooledId
  readonly verdict: Exclude<Verdict, { readonly kind: 'equal' }>
}

export interface SecondLookOptions {
  readonly target: Target
  readonly sample?: number | undefined
}

/** @returns a visitor that keeps what lies in buckets that differ */
export function secondVisitor(
  side: Side,
  looks: ReadonlyMap<string, CollectionLook>,
  spool: Spool,
  { target, sample }: SecondLookOptions
): Visitor {
  const isMeant = (look: CollectionLook | undefined, id: string): boolean =>
    look !== undefined && look.differing[bucketOf(id)] === 1 && (sample === undefined || isInSample(id, sample))
  const keep = (collection: string, document: Document): void => {
    if (side === 'target') return spool.add(collection, side, document, digestsOf(target, document))
    const { document: expected, digests } = expectedOf(target, collection, document)
    const encoded = target.encode(collection, document)
    spool.add(collection, side, expected, digests, 'code' in encoded ? `${encoded.code}: ${encoded.message}` : undefined)
  }
  return {
    document(collection, document) {
      if (!isMeant(looks.get(collection), document._id)) return
      try {
        keep(collection, document)
      } catch (error) {
        // The first look has told of it.
        if (!(error instanceof DocferryError) || !isOfDocument(error)) throw error
      }
    },
    // The first look has told of it.
    reject: () => undefined
  }
}

/** What became of the buckets that differed. */
export interface BucketNotes {
  /** Ids that the source holds more than once, where the target holds one of these. */
  readonly repeats: Map<string, number>
  /** Buckets by collection in which nothing differs any more. */
  readonly settled: Map<string, number>
}

/** All that differs, as it was when it was read; equal ids are counted. */
export async function* differingIds(spool: Spool, looks: ReadonlyMap<string, CollectionLook>, notes: BucketNotes): AsyncGenerator<Found> {
  const explained = new Map([...looks.keys()].map(name => [name, new Uint8Array(4096)]))
  for await (const held of spool.ids()) {
    const { collection, id } = held
    const verdict = compareId(held)
    if (verdict.kind !== 'equal' || verdict.repeats) explained.get(collection)![bucketOf(id)] = 1
    if (verdict.kind === 'equal') {
      looks.get(collection)!.report.equal += held.target.length
      if (verdict.repeats) notes.repeats.set(collection, (notes.repeats.get(collection) ?? 0) + 1)
    } else yield { held, verdict }
  }
  for (const [name, { differing }] of looks) {
    const settled = differing.reduce((count, isDiffering, bucket) => count + (isDiffering && !explained.get(name)![bucket] ? 1 : 0), 0)
    if (settled > 0) notes.settled.set(name, settled)
  }
}
