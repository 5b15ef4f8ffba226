/** The clock that durations, rates and deadlines are made of: it goes on steadily where somebody, or the time service, sets the machine's. */

/** Milliseconds since the epoch, as this machine's clock had them when the process began and steadily from there; whole ones. */
export function now(): number {
  return Math.floor(performance.timeOrigin + performance.now())
}
