/** Ids of runs, and of verifications. */
import { randomInt } from 'node:crypto'

/** What was given last in this process: within a millisecond, chance alone would give one id twice now and then. */
let last = { time: 0, rest: 0 }

/** Sorts by time, to the millisecond: the way back undoes runs of one second in their order. */
export function newRunId(now: Date = new Date()): string {
  const time = now.getTime()
  // Ten bits of milliseconds before fourteen of chance.
  const rest = time === last.time ? last.rest + 1 : (now.getUTCMilliseconds() << 14) | randomInt(1 << 14)
  last = { time, rest }
  return `${now.toISOString().slice(0, 19).replaceAll(':', '-')}-${rest.toString(16).padStart(6, '0')}`
}
