/** What undoing, receipts and files know a document by: digests of what the target will give back, made once, whoever asks first. */
import type { Document, Target } from '../types.ts'
import { documentDigests } from '../values/index.ts'
import type { DocumentDigests } from '../values/index.ts'
import { expectedOf } from './held.ts'
import type { Outgoing } from './write-batch.ts'

/** @param collection its name in the target */
export function digestsOf(target: Target, collection: string, outgoing: Outgoing): DocumentDigests {
  return (outgoing.digests ??= target.digests?.(outgoing.encoded) ?? expectedOf(target, collection, outgoing.document).digests)
}

/** The same for a reader to whom `_rev` is the database's and no part of the document. */
export function digestsWithoutRev(target: Target, collection: string, outgoing: Outgoing): DocumentDigests {
  if (outgoing.document['_rev'] === undefined) return digestsOf(target, collection, outgoing)
  return documentDigests(withoutRev(readBack(target, collection, outgoing)))
}

export function withoutRev({ _rev, ...document }: Document): Document {
  void _rev
  return document
}

function readBack(target: Target, collection: string, { document }: Outgoing): Document {
  return target.readBack?.(collection, document) ?? document
}
