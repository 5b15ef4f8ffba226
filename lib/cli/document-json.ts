import type { Document } from '../types.ts'
import { Decimal, parseText, stringifyJson } from '../values/index.ts'

/** As plain objects that JSON.stringify can't damage: what has more digits than a number keeps stands in an envelope. */
export function jsonOf(document: Document): object {
  const isUnfit = (value: unknown): boolean => typeof value === 'bigint' || value instanceof Decimal
  return parseText(stringifyJson(document, { isUnfit })) as object
}
