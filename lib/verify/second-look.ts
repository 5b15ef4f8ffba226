/** The second look: both sides are read again, and what lies in buckets that differ is compared by its ids. */
import { digestsOf, expectedOf } from '../engine/held.ts'
import { DocferryError } from '../errors.ts'
import type { Document, Target } from '../types.ts'
import type { DocumentDigests } from '../values/index.ts'
import { bucketCount, bucketOf } from '../values/bucket-sums.ts'
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
  const add = (collection: string, document: Document, { values, kinds }: DocumentDigests, reason?: string): void =>
    // Where kinds are not compared, they must not tell two documents apart here either.
    spool.add(collection, side, document, looks.get(collection)!.kinds && kinds ? { values, kinds } : { values }, reason)
  const keep = (collection: string, document: Document): void => {
    if (side === 'target') return add(collection, document, digestsOf(target, document))
    const { document: expected, digests } = expectedOf(target, collection, document)
    const encoded = target.encode(collection, document)
    const isRefused = 'code' in encoded
    // A document that is refused was never in a receipt.
    if (!isRefused) looks.get(collection)!.witness?.add(document._id, digests)
    add(collection, expected, digests, isRefused ? `${encoded.code}: ${encoded.message}` : undefined)
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
  /** Buckets by collection in which the source is not what the run has read. */
  readonly untrue: ReadonlyMap<string, ReadonlySet<number>>
  /** Told of each id that the target holds in one of these. */
  readonly onSuspect: (collection: string, id: string) => void
  /** Told of an id of which the source holds several documents, and the target not the one that the run wrote. */
  readonly onOther: (collection: string, id: string) => void
}

/** All that differs, as it was when it was read; equal ids are counted. */
export async function* differingIds(spool: Spool, looks: ReadonlyMap<string, CollectionLook>, notes: BucketNotes): AsyncGenerator<Found> {
  const explained = new Map([...looks.keys()].map(name => [name, new Uint8Array(bucketCount)]))
  const repeated: { readonly collection: string; readonly id: string }[] = []
  for await (const held of spool.ids()) {
    const { collection, id } = held
    const bucket = bucketOf(id)
    if (notes.untrue.get(collection)?.has(bucket)) {
      explained.get(collection)![bucket] = isNamed
      if (held.target.count > 0) notes.onSuspect(collection, id)
      continue
    }
    const verdict = compareId(held)
    if (verdict.kind !== 'equal') {
      explained.get(collection)![bucket] = isNamed
      yield { held, verdict }
      continue
    }
    looks.get(collection)!.report.equal += held.target.count
    if (!verdict.repeats) continue
    notes.repeats.set(collection, (notes.repeats.get(collection) ?? 0) + 1)
    explained.get(collection)![bucket] ||= hasRepeats
    if (repeated.length < mostRepeated) repeated.push({ collection, id })
  }
  for (const { collection, id } of repeated) {
    const bucket = bucketOf(id)
    const { witness, report } = looks.get(collection)!
    if (!witness || witness.isAsWritten(bucket) || explained.get(collection)![bucket] === isNamed) continue
    report.equal--
    notes.onOther(collection, id)
  }
  for (const [name, { differing }] of looks) {
    const settled = differing.reduce((count, isDiffering, bucket) => count + (isDiffering && !explained.get(name)![bucket] ? 1 : 0), 0)
    if (settled > 0) notes.settled.set(name, settled)
  }
}

/** How a bucket that differs was explained. */
const hasRepeats = 1
const isNamed = 2

/** Ids that are repeated, to be named where one of them must be wrong. */
const mostRepeated = 100_000
