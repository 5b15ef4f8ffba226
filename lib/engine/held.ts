/** What tells a document in a target from any other: one way for receipts, which say beforehand what it will hold, and for verifying. */
import type { Document, Target } from '../types.ts'
import { documentDigest, documentDigests } from '../values/index.ts'
import type { DocumentDigests } from '../values/index.ts'

type Holder = Pick<Target, 'readBack' | 'keepsKinds'>

export interface Expected {
  /** As the target will give it back. */
  readonly document: Document
  readonly digests: DocumentDigests
}

/**
 * A document as a target will give it back once it is written, with its digests.
 *
 * @param known `documentDigests` of it, where somebody has made them
 * @throws {DocferryError} DOCFERRY_BAD_VALUE, DOCFERRY_TOO_DEEP for what no target can hold
 */
export function expectedOf(target: Holder, collection: string, document: Document, known?: DocumentDigests): Expected {
  const held = target.readBack?.(collection, document) ?? document
  const digests = digestsOf(target, held, held === document ? known : undefined)
  if (!digests.kinds) return { document: held, digests }
  const exact = target.readBack?.(collection, document, { kinds: true }) ?? held
  return exact === held ? { document: held, digests } : { document: exact, digests: documentDigests(exact) }
}

/**
 * Of a document that was read from the target, or that is as it will be.
 *
 * @param known `documentDigests` of it, where somebody has made them
 */
export function digestsOf({ keepsKinds = false }: Holder, document: Document, known?: DocumentDigests): DocumentDigests {
  if (keepsKinds) return known ?? documentDigests(document)
  return { values: known?.values ?? documentDigest(document) }
}

export function sameDigests(a: DocumentDigests, b: DocumentDigests): boolean {
  return sameBytes(a.values, b.values) && sameBytes(a.kinds, b.kinds)
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return Buffer.compare(a, b) === 0
}
