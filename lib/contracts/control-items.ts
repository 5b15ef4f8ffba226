/** What travels in the stream beside documents. */
import type { ErrorCode } from '../errors.ts'
import type { Document } from '../values/types.ts'
import type { Cursor } from './source.ts'

/** Details of something read that is no document. */
export interface RejectDetails {
  readonly code: ErrorCode
  /** Why, without contents: `not valid JSON`. */
  readonly message: string
  /** Where, so that a person finds it: `line 12, byte 3456`. */
  readonly where: string
  readonly id?: string
  /** What stood there, for the dead letter only. */
  readonly raw?: string
  /** The bytes themselves, where they are no UTF-8, so that `raw` can't tell them. */
  readonly rawBase64?: string
  /** How many documents of its page stood before it, where that matters: its id may come again. Default: all. */
  readonly documentsBefore?: number
}

/**
 * What travels in an object stream beside documents. Stages never see control items; anything else that stands in a pipeline must pass
 * on, in order, what is an instance of this class.
 */
export abstract class ControlItem {}

/** The documents behind it belong to this collection, until the next one. The first item of every internal stream. */
export class Section extends ControlItem {
  readonly collection: string
  /** See `Page.source`. */
  readonly source: string | undefined
  constructor(collection: string, source?: string) {
    super()
    this.collection = collection
    this.source = source
  }
}

/** The place in the partition up to which everything has passed. */
export class Mark extends ControlItem {
  readonly partition: string
  readonly cursor: Cursor
  /** Documents (rejects included) and bytes read since the mark before. */
  readonly documents: number
  readonly bytes: number
  constructor(partition: string, cursor: Cursor, documents: number, bytes: number) {
    super()
    this.partition = partition
    this.cursor = cursor
    this.documents = documents
    this.bytes = bytes
  }
}

/** Something read that is no document, or that a stage failed on: it counts, and becomes a dead letter. */
export class Reject extends ControlItem {
  readonly details: RejectDetails
  /** Of a document that a stage failed on: as it came to the stage, and the stage's index. */
  readonly failed: { readonly document: Document; readonly stage: number } | undefined
  constructor(details: RejectDetails, failed?: Reject['failed']) {
    super()
    this.details = details
    this.failed = failed
  }
}
