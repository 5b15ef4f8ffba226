/** CouchDB's `_security` objects, and how an end takes them. */
import type { Json } from '../values/types.ts'

/** CouchDB's `_security` object of a database: who may read and administer it. */
export type SecurityObject = { readonly [key: string]: Json }

/** How a target holds the `_security` objects of its collections. */
export interface TargetSecurity {
  /** `first`: it has to be known before the documents come (an export's head). `last`: it applies at once, and may keep the run itself out. */
  readonly when: 'first' | 'last'
  /** What stands there; undefined where there is no such collection. */
  get(collection: string, options: { readonly signal?: AbortSignal | undefined }): Promise<SecurityObject | undefined>
  put(collection: string, security: SecurityObject, options: { readonly signal?: AbortSignal | undefined }): Promise<void>
  /** @throws {DocferryError} DOCFERRY_PERMISSION where the user may not put any */
  check(collections: readonly string[], options: { readonly signal?: AbortSignal | undefined }): Promise<void>
}
