/** Ids of runs, and of verifications. */
import { randomInt } from 'node:crypto'

/** Sorts by time, to the millisecond: the way back undoes runs of one second in their order. */
export function newRunId(now: Date = new Date()): string {
  // Ten bits of milliseconds before fourteen of chance.
  const rest = (now.getUTCMilliseconds() << 14) | randomInt(1 << 14)
  return `${now.toISOString().slice(0, 19).replaceAll(':', '-')}-${rest.toString(16).padStart(6, '0')}`
}
