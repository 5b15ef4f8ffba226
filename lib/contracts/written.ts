/** Documents on their way into a target: in its form, refused, written or not, and changed where they stand. */
import type { ErrorCode } from '../errors.ts'
import type { Document } from '../values/types.ts'
import type { OnConflict } from './rules.ts'

/** A document in the target's own form, ready to send. */
export interface Encoded<Payload = unknown> {
  /** The document's, also where the target holds it under an escaped one. */
  readonly id: string
  /** Size of what is sent, for batches. */
  readonly bytes: number
  /** Size as the target itself counts a document against its limit, where that is another. */
  readonly size?: number
  /** Its attachments, where they are a part of it. */
  readonly attached?: { readonly count: number; readonly bytes: number }
  readonly payload: Payload
}

/** Why a document can't be written to this target, known without asking it. Never holds contents of the document. */
export interface Refusal {
  readonly code: ErrorCode
  /** What is wrong and by how much: `412,331 bytes; a DynamoDB item holds at most 409,600`. */
  readonly message: string
  /** Where in the document, as a path of field names: `usage_info.usage[3]`. */
  readonly path?: string
}

/** One document's failed write. */
export interface WriteFailure {
  readonly code: ErrorCode
  /** Never holds contents of the document. */
  readonly message: string
  /** Whether the same write may work later. Unless the code is DOCFERRY_THROTTLED, the document may be written all the same. */
  readonly retryable: boolean
  readonly retryAfterMs?: number
  /** Whether a call failed that held just this document: beside others it would have them fail too, so that it is tried again by itself. */
  readonly alone?: boolean
  /**
   * Whether the document may be written all the same, though the same write is of no use: a call that held it was refused, perhaps by somebody who stands
   * before the service and has let it through. The caller is to compare what the target holds.
   */
  readonly mayBeApplied?: boolean
  /** What the service said. It may quote the document: it goes among the dead letters, and nowhere else. */
  readonly cause?: unknown
}

export type WriteOutcome = 'written' | 'skipped' | WriteFailure

export interface WriteOptions {
  readonly onConflict: OnConflict
  /**
   * The caller knows that the target holds none of these ids (the collection was empty, or created by this run, and the ids were
   * not seen before), so that a write without a condition is right and the fastest may be used.
   */
  readonly fresh: boolean
  readonly signal?: AbortSignal
}

/** A document as the target holds it, and what tells this state of it from any other; the connector's own. */
export interface Held<Version = unknown> {
  readonly document: Document
  readonly version: Version
  /** What it has besides that can't be read, in words: it would be lost with the document, and stays where another is put in its place. */
  readonly besides?: string
}

/** What is to become of a document that nobody has changed since it was seen. */
export interface Change<Payload = unknown, Version = unknown> {
  readonly seen: Held<Version>
  /** To stand in its place, with the same id. Missing: the document is removed. */
  readonly put?: Encoded<Payload>
}

/** `changed`: somebody has changed or removed it meanwhile, and it was left as it is. */
export type ChangeOutcome = 'done' | 'changed' | WriteFailure
