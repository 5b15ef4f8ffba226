/** What the front uses of PouchDB, which comes without types. */
import type { JsonObject } from './couchdb-json.ts'

export interface PouchStatic {
  new (name: string): PouchDatabase
  plugin(plugin: unknown): PouchStatic
  defaults(options: { adapter: string; auto_compaction?: boolean; revs_limit?: number }): PouchStatic
  setMaxListeners(count: number): void
}

/** One document's outcome in a bulk write. */
export interface PouchOutcome {
  ok?: boolean
  id: string
  rev?: string
  error?: boolean
  status?: number
  name?: string
  message?: string
}

export interface PouchRow {
  id?: string
  key: unknown
  value?: JsonObject
  doc?: JsonObject | null
  error?: string
}

export interface PouchChange extends JsonObject {
  seq: number
  id: string
}

export interface PouchFeed extends PromiseLike<{ results: PouchChange[]; last_seq: number }> {
  on(event: 'change', listener: (change: PouchChange) => void): PouchFeed
  on(event: 'error', listener: (error: unknown) => void): PouchFeed
  cancel(): void
}

export interface PouchDatabase {
  info(): Promise<{ doc_count: number; update_seq: number }>
  bulkDocs(documents: readonly JsonObject[], options: { new_edits: boolean }): Promise<PouchOutcome[]>
  put(document: JsonObject): Promise<{ ok: true; id: string; rev: string }>
  get(id: string, options: JsonObject): Promise<JsonObject>
  allDocs(options: JsonObject): Promise<{ total_rows: number; offset: number; rows: PouchRow[] }>
  changes(options: JsonObject): PouchFeed
  destroy(): Promise<unknown>
}
