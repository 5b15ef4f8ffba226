/** The `_security` objects of CouchDB's databases, as an export keeps them beside its documents. */
import type { SecurityObject, TargetSecurity } from '../../types.ts'
import { isMap } from '../../values/index.ts'
import type { Value } from '../../values/index.ts'

/** @param keep told before the first document */
export function exportSecurity(keep: (collection: string, security: SecurityObject) => Promise<void>): TargetSecurity {
  return {
    when: 'first',
    get: () => Promise.resolve(undefined),
    put: (collection, security) => keep(collection, security),
    check: () => Promise.resolve()
  }
}

/** @param all what an export says of itself: by collections */
export function securityIn(all: Value | object | undefined, collection: string): SecurityObject | undefined {
  const found = isMap(all as Value) && Object.hasOwn(all as object, collection) ? (all as { [name: string]: Value })[collection] : undefined
  return isMap(found) ? (found as SecurityObject) : undefined
}
