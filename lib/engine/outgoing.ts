import type { Document, Encoded } from '../types.ts'
import type { Packed } from '../packed.ts'
import type { DocumentDigests } from '../values/index.ts'

/** A document on its way to the target. */
export interface Outgoing {
  /** As it is to be written, for the dead letter. */
  readonly document: Document
  readonly encoded: Encoded
  /** `documentDigests` of it, where the reader knows them. */
  readonly known?: DocumentDigests | undefined
  /** Of what the target will give back, once somebody has asked for them: see `digestsOf`. */
  digests?: DocumentDigests | undefined
  /** Known without looking at the document. */
  readonly hasNoRev?: boolean
  /** What it came with, and which of these documents it is: its digests are there. */
  readonly packed?: Packed
  readonly at?: number
  /** Whether a call for it was given up, which may still look at what was to be sent. */
  isKept?: boolean
}
