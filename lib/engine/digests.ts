/** What undoing, receipts and files know a document that is being written by: digests made once, whoever asks first. */
import type { Document, Target } from '../types.ts'
import type { DocumentDigests } from '../values/index.ts'
import { expectedOf } from './held.ts'
import type { Outgoing } from './outgoing.ts'

/** @param collection its name in the target */
export function digestsOf(target: Target, collection: string, outgoing: Outgoing): DocumentDigests {
  return (outgoing.digests ??=
    target.digests?.(outgoing.encoded) ?? expectedOf(target, collection, outgoing.document, outgoing.known).digests)
}

/** The same for a reader to whom `_rev` is the database's and no part of the document. */
export function digestsWithoutRev(target: Target, collection: string, outgoing: Outgoing): DocumentDigests {
  return outgoing.hasNoRev || outgoing.document['_rev'] === undefined
    ? digestsOf(target, collection, outgoing)
    : expectedOf(target, collection, withoutRev(outgoing.document)).digests
}

export function withoutRev({ _rev, ...document }: Document): Document {
  void _rev
  return document
}
