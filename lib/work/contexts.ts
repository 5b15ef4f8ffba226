import type { BlockPlace } from '../packed.ts'
import type { StageContext } from '../types.ts'

/** What stages of a partition are told, by collection: the same object for the same, since stages may keep what they make of it. */
export function contextsOf(partition: string): (place: BlockPlace) => StageContext {
  let last: StageContext | undefined
  return ({ collection }) => (last?.collection === collection ? last : (last = { collection, partition }))
}
