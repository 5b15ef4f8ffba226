/** Options that say how long something may take. */
import { formatCount } from '../values/format-count.ts'

/** Node's timers go off at once for more than 2^31 - 1; what is added to a time limit (for a long upload) must fit too. */
export const longestMs = 1_000_000_000

/** What is wrong with it, for a list of issues; undefined where it is a time limit, or is not given. */
export function timeIssue(name: string, ms: unknown): string | undefined {
  if (ms === undefined || (Number.isInteger(ms) && (ms as number) > 0 && (ms as number) <= longestMs)) return undefined
  return `${name}: a positive whole number of milliseconds is wanted, at most ${formatCount(longestMs)} (11 days)`
}
