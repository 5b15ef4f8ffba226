/** A place that holds documents: which it is, where, and what using it asks of its service. */

/** Names of the providers, as a user types them. */
export type ProviderName = 'memory' | 'couchdb' | 'firestore' | 'dynamodb' | 'file'

/** Also of several sources that are read as one, which no address names. */
export type PlaceName = ProviderName | 'several'

/** Where an end really is, without secrets. */
export interface Location {
  readonly provider: PlaceName
  /** For people: `http://127.0.0.1:5984 as admin`, `project p, emulator 127.0.0.1:8080`, `us-east-1`, `/data/backup.json`. */
  readonly address: string
  /** Equal for two ends if and only if they are the same place, whoever connects. */
  readonly identity: string
}

/**
 * What an end's own server says of where its collections are, whatever address leads there. Asked only where two ends of one provider have different
 * addresses, and before anything is written. Who is told nothing knows nothing: that is no error.
 */
export interface PlaceProof {
  /** What a collection is called there: `table`. */
  readonly called: string
  /** What the server calls itself. Ends of which both tell, and not the same, are different places. */
  readonly server?: string
  /**
   * Equal for two collections only if they are the same one, or one of them is part of a copy of the other's whole server: a machine that was cloned.
   * Undefined where there is none, or nothing tells.
   */
  collection(name: string, options: { readonly signal?: AbortSignal }): Promise<string | undefined>
  /** Which running server answers: it tells such copies apart. Undefined where nothing tells. Missing where a copy is another collection. */
  process?(options: { readonly signal?: AbortSignal }): Promise<string | undefined>
  /** A few collections that are there, by their names at this address: a proxy may rename them. Missing where none does; none where nothing tells. */
  names?(options: { readonly signal?: AbortSignal }): Promise<readonly string[]>
  /** What to do where it is such a copy, and is not recognised as one. */
  readonly adviceForCopy?: string
}

export interface CollectionInfo {
  readonly name: string
  /** Estimated number of documents, where the database tells it cheaply. */
  readonly documents?: number
  /** Estimated bytes, in the unit that `Page.bytes` counts in. */
  readonly bytes?: number
  /** What a user should know of what is in it, in words: `3 documents in subcollections (runs)`. */
  readonly contents?: string
  /** The database's own (`_users`): taken only when named. */
  readonly system?: boolean
  /** Why it can't be read although the place says that it holds it: the file is gone that a folder's manifest names. */
  readonly lost?: string
}

/** What a move asks of a service: requests, and the units that it bills or throttles by. */
export interface Usage {
  readonly requests: number
  /** DynamoDB's capacity units. */
  readonly readUnits?: number
  readonly writeUnits?: number
  /** Firestore's document reads and writes. */
  readonly documentReads?: number
  readonly documentWrites?: number
}
