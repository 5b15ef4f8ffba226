/** The order of `__name__`: name by name, whatever characters stand around the slash between two of them. */
import { integerIdOf } from './limits.ts'

/** @param a path inside a collection: `x`, `x/runs/y` */
export function comparePaths(a: string, b: string): number {
  const [names, others] = [a.split('/'), b.split('/')]
  for (let index = 0; index < names.length && index < others.length; index++) {
    const order = compareNames(names[index]!, others[index]!)
    if (order !== 0) return order
  }
  return names.length - others.length
}

/** Integer ids come first, by their numbers; the others by the bytes of their UTF-8. */
function compareNames(a: string, b: string): number {
  const [number, other] = [integerIdOf(a), integerIdOf(b)]
  if (number !== undefined && other !== undefined) return number < other ? -1 : number > other ? 1 : 0
  if (number !== undefined) return -1
  return other !== undefined ? 1 : Buffer.compare(Buffer.from(a), Buffer.from(b))
}
