/** What a connector tells of an end beside reading and writing: looked up for a checklist, or known without a connection. */
import type { ValueKind } from '../values/kinds.ts'
import type { Document } from '../values/types.ts'
import type { EncodeRules, OnConversion } from './rules.ts'
import type { Encoded, Refusal } from './written.ts'

export interface InspectOptions {
  readonly end: 'source' | 'target'
  /** Missing: all there are. A name that the end does not hold is no error. */
  readonly collections?: readonly string[]
  readonly signal?: AbortSignal
}

export interface Inspection {
  /** The server's product and version, where it tells: `Apache CouchDB 3.5.0`. */
  readonly version?: string
  /** The server's clock, read between these two of ours. */
  readonly clock?: { readonly server: Date; readonly before: Date; readonly after: Date }
  /** By how much the clocks may differ before the service refuses requests, in milliseconds. */
  readonly mostSkewMs?: number
  /** What the service lets this user do there, as far as it can be asked without writing. */
  readonly rights?: readonly { readonly what: string; readonly isGranted: boolean | 'unknown'; readonly advice?: string }[]
  /** What works on the documents now, or will: replications, streams, expiry, other writers. Sentences without contents. */
  readonly live?: readonly string[]
  /** What else a user should know before a migration. */
  readonly notes?: readonly string[]
  /** By collection, how many design documents it holds, which are in its count: of those asked about that hold any. */
  readonly designDocuments?: Readonly<Record<string, number>>
  /** By collection, a text that is another one once a document of it is written; of those whose server keeps such a thing. */
  readonly marks?: Readonly<Record<string, string>>
}

/** What holds for every place of a provider. The numbers are those that the connector itself goes by. */
export interface Facts {
  /** As people write it: `DynamoDB`. */
  readonly title: string
  /** What a collection is called there: `table`. */
  readonly collection: string
  /** Most bytes of a document, counted as the service counts them; missing where there is no such limit. */
  readonly maxDocumentBytes?: number
  /** Maps and lists inside one another, below the document; missing where there is no limit that documents meet. */
  readonly maxDepth?: number
  /** Kinds of values that documents may hold which are read there. */
  readonly gives: readonly ValueKind[]
  checkCollection(name: string): Refusal | undefined
  /** As `Target.encode`, of a collection without rules of its own. */
  encode(document: Document, rules: EncodeRules, onConversion?: OnConversion): Encoded | Refusal
}
