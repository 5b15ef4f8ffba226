import type { Stage } from '../types.ts'

/** By this name the counts of a repair tell of what it left alone, and its record is told from that of any other run. */
export const alreadyRightName = 'already right'

/**
 * The last stage of a repair: only what is wrong in the target passes.
 *
 * @param isWrong asked with the collection's name in the source, and the id behind all other stages
 */
export function leaveOutRight(isWrong: (collection: string, id: string) => boolean): Stage {
  return {
    name: alreadyRightName,
    mayRepeatIds: false,
    givesValues: true,
    apply: (document, { collection }) => (isWrong(collection, document._id) ? document : undefined)
  }
}

/** Whether a run with these stages wrote only what was wrong, so that neither its record nor its receipt tells of all that the target must hold. */
export function isOfRepair(stages: readonly string[]): boolean {
  return stages.includes(alreadyRightName)
}
