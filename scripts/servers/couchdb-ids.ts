/**
 * The order of ids: CouchDB's is that of their bytes. PouchDB mixes two orders, that of bytes and that of UTF-16 code units, and its ranges
 * lose ids where these differ: in a database with ids of characters from U+D800 on. There the front orders for itself.
 */
import type { Database } from './couchdb-database.ts'

const orders = new WeakMap<Database, { readonly sequence: number; readonly ids: readonly string[] }>()

export function isHighId(id: string): boolean {
  return /[\ud800-\uffff]/.test(id)
}

/** The ids of all documents that are not deleted, in the order of their bytes. */
export async function orderedIds(database: Database): Promise<readonly string[]> {
  const { update_seq: sequence } = await database.pouch.info()
  const known = orders.get(database)
  if (known?.sequence === sequence) return known.ids
  const { results } = await database.pouch.changes({ since: 0 })
  const ids = results.filter(({ deleted }) => deleted !== true).map(({ id }) => id)
  ids.sort(compareIds)
  orders.set(database, { sequence, ids })
  return ids
}

export function compareIds(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const difference = rankOf(a.charCodeAt(at)) - rankOf(b.charCodeAt(at))
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** In UTF-8 what takes a surrogate pair in UTF-16 comes behind everything else. */
function rankOf(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
