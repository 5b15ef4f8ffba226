import { attachmentOpener, openerOf, setField } from '../values/index.ts'
import type { Value } from '../types.ts'
import { isMap } from './field-path.ts'

/** Maps and lists anew, so that two places of a document never share one; values of classes can't be changed, and stay. */
export function copyValue(value: Value): Value {
  if (Array.isArray(value)) return value.map(copyValue)
  if (!isMap(value)) return value
  const copy: { [key: string]: Value } = {}
  for (const key of Object.keys(value)) setField(copy, key, copyValue(value[key]!))
  const open = openerOf(value)
  return open ? Object.assign(copy, { [attachmentOpener]: open }) : copy
}
