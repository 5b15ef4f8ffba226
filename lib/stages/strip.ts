import type { Stage } from '../types.ts'

/** Remove top-level fields. `_id` stays. */
export function strip(fields: readonly string[]): Stage {
  const names = fields.filter(field => field !== '_id')
  return {
    name: 'strip',
    mayRepeatIds: false,
    apply(document) {
      for (const name of names) if (name in document) delete document[name]
      return document
    }
  }
}
