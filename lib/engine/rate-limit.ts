/** So much in a second, and no more. */

import type { Ramp } from '../types.ts'

/** Gives out amounts one after the other, each so much later as the one before was large. */
export class RateLimit {
  readonly #perSecond: (nowMs: number) => number
  /** When the next amount may be given out. */
  #nextMs = -Infinity

  /** @param perSecond of whatever is counted; it may change with time */
  constructor(perSecond: number | ((nowMs: number) => number)) {
    this.#perSecond = typeof perSecond === 'number' ? () => perSecond : perSecond
  }

  /** Take an amount. @returns milliseconds to wait before it is used */
  take(amount: number, nowMs: number): number {
    const startMs = Math.max(this.#nextMs, nowMs)
    this.#nextMs = startMs + (amount * 1_000) / this.#perSecond(startMs)
    return startMs - nowMs
  }
}

/** The limit of a collection from its first document on. */
export function rampLimit({ perSecond, growth, everyMs }: Ramp): RateLimit {
  let beganMs: number | undefined
  return new RateLimit(nowMs => {
    beganMs ??= nowMs
    return perSecond * growth ** Math.floor((nowMs - beganMs) / everyMs)
  })
}
