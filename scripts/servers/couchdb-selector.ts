/** What CouchDB refuses of a selector: src/mango/src/mango_selector.erl of Apache CouchDB. */
import { Refused } from './couchdb-documents.ts'
import { isObject } from './couchdb-json.ts'

const operators = new Set(
  '$and $or $not $nor $all $elemMatch $allMatch $keyMapMatch $lt $lte $eq $ne $gte $gt $exists $type $in $nin $size $mod $regex $beginsWith $text'.split(
    ' '
  )
)

/** @throws {Refused} 400 */
export function checkOperators(selector: unknown): void {
  if (Array.isArray(selector)) for (const member of selector) checkOperators(member)
  if (!isObject(selector)) return
  for (const [name, value] of Object.entries(selector)) {
    if (name.startsWith('$') && !operators.has(name)) throw new Refused(400, 'bad_request', `Invalid operator: ${name}`)
    checkOperators(value)
  }
}
