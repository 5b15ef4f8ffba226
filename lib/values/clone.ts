import { attachmentOpener, openerOf } from './attachments.ts'
import type { Document, Value } from './types.ts'

/** A document that may be changed without the other being: maps and lists anew, all else, which nobody changes in place, shared. */
export function cloneDocument(document: Document): Document {
  return cloneMap(document) as Document
}

function cloneValue(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(cloneValue)
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? cloneMap(value as { [key: string]: Value }) : value
}

function cloneMap(map: { [key: string]: Value }): { [key: string]: Value } {
  const clone: { [key: string]: Value } = {}
  for (const name of Object.keys(map)) {
    const value = cloneValue(map[name]!)
    // As an assignment, it would set the prototype.
    if (name === '__proto__') Object.defineProperty(clone, name, { value, writable: true, enumerable: true, configurable: true })
    else clone[name] = value
  }
  if (attachmentOpener in map) Object.assign(clone, { [attachmentOpener]: openerOf(map) })
  return clone
}
