import type { Document, Stage } from '../types.ts'

/** Keep only these top-level fields, and `_id`. */
export function pick(fields: readonly string[]): Stage {
  const kept = new Set(['_id', ...fields])
  return {
    name: 'pick',
    mayRepeatIds: false,
    changesInPlace: false,
    apply: document => Object.fromEntries(Object.entries(document).filter(([field]) => kept.has(field))) as Document
  }
}
