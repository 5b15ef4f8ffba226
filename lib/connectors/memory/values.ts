/** Copies of documents, so that nobody outside holds a part of what the store holds. */
import { kindOf, maxDepth, setField, tooDeep } from '../../values/index.ts'
import type { Document, Value } from '../../values/index.ts'

export interface Copy {
  readonly document: Document
  /** About as many as the document's JSON has. */
  readonly bytes: number
}

/** @throws {DocferryError} DOCFERRY_BAD_VALUE, DOCFERRY_TOO_DEEP: what no snapshot could hold */
export function copyDocument(document: Document): Copy {
  const size = { bytes: 0 }
  return { document: copyValue(document, size, 0) as Document, bytes: size.bytes }
}

/** Lists, maps and bytes are copied; the other values can't be changed. A field that is undefined is left out. */
function copyValue(value: Value, size: { bytes: number }, depth: number): Value {
  if (depth > maxDepth) throw tooDeep()
  switch (kindOf(value)) {
    case 'string':
      size.bytes += (value as string).length + 3
      return value
    case 'array':
      size.bytes += 2
      return (value as Value[]).map(each => copyValue(each, size, depth + 1))
    case 'bytes':
      size.bytes += ((value as Uint8Array).length * 4) / 3
      return Uint8Array.prototype.slice.call(value)
    case 'map': {
      const copy: { [key: string]: Value } = {}
      for (const [key, field] of Object.entries(value as { [key: string]: Value })) {
        if (field === undefined) continue
        size.bytes += key.length + 3
        setField(copy, key, copyValue(field, size, depth + 1))
      }
      return copy
    }
    default:
      size.bytes += 8
      return value
  }
}
