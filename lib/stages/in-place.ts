/**
 * Stages that may change what they are given, where nobody holds any part of it, and nobody wants it back when they fail. Else they copy what they
 * change, which costs more than all else that most of them do: an object to which a field is added after it was copied is a slow one from then on.
 */
import type { Stage } from '../types.ts'

type Apply = Stage['apply']

/** By the function, so that whoever wraps it does not have to know. */
const ways = new WeakMap<Apply, Apply>()

/**
 * @param inPlace makes the same of a document, of which it may change every part; of what it gives, nobody else holds any part. Default: `apply` does so
 * @returns `apply`
 */
export function alsoInPlace<Way extends Apply>(apply: Way, inPlace: Apply = apply): Way {
  ways.set(apply, inPlace)
  return apply
}

export function inPlaceOf(apply: Apply): Apply | undefined {
  return ways.get(apply)
}

/** The stages for documents that were made for them, up to the first that may give what somebody holds. */
export function stagesInPlace(stages: readonly Stage[]): readonly Stage[] {
  let isOwn = true
  return stages.map(stage => {
    const inPlace: Apply | undefined = isOwn ? ways.get(stage.apply) : undefined
    isOwn = inPlace !== undefined
    return inPlace ? { ...stage, apply: inPlace } : stage
  })
}
