/** What a connector can tell of an end for a checklist, beside what reading and writing show. */

export interface InspectOptions {
  readonly end: 'source' | 'target'
  /** Missing: all there are. */
  readonly collections?: readonly string[]
  readonly signal?: AbortSignal
}

export interface Inspection {
  /** The server's product and version, where it tells: `Apache CouchDB 3.5.0`. */
  readonly version?: string
  /** The server's clock, read between these two of ours. */
  readonly clock?: { readonly server: Date; readonly before: Date; readonly after: Date }
  /** What the service lets this user do there, as far as it can be asked without writing. */
  readonly rights?: readonly { readonly what: string; readonly isGranted: boolean | 'unknown'; readonly advice?: string }[]
  /** What works on the documents now, or will: replications, streams, expiry, other writers. Sentences without contents. */
  readonly live?: readonly string[]
  /** What else a user should know before a migration. */
  readonly notes?: readonly string[]
}
