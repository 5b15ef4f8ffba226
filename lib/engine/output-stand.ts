/** Where an output stands, as a whole. */
import type { OutputStand, SuspendedOutput } from '../types.ts'

/** What `resume` is given of it. */
export function suspendedOf({ stands, parts }: OutputStand): SuspendedOutput {
  const maps = Object.entries(parts).map(
    ([field, some]) => [field, Object.fromEntries([...some].map(({ name, value }) => [name, value()]))] as const
  )
  return { ...stands, ...Object.fromEntries(maps) }
}

/** The other way round. @param fields that hold parts */
export function standOf(output: SuspendedOutput, fields: readonly string[]): OutputStand {
  const parts = fields.map(field => {
    const some = Object.entries((output[field] ?? {}) as Readonly<Record<string, unknown>>)
    return [field, some.map(([name, part]) => ({ name, version: part, value: () => part }))] as const
  })
  const stands = Object.entries(output).filter(([field]) => !fields.includes(field))
  return { stands: Object.fromEntries(stands), parts: Object.fromEntries(parts) }
}
