/** Holds reading to so many of the source's read units a second. */
import type { Usage } from '../types.ts'
import { RateLimit } from './rate-limit.ts'

export class ReadPace {
  readonly #limit: RateLimit
  readonly #usage: () => Usage
  #charged = 0

  /** @param usage of the source, up to now */
  constructor(unitsPerSecond: number, usage: () => Usage) {
    this.#limit = new RateLimit(unitsPerSecond)
    this.#usage = usage
  }

  /** What reading has cost is known only afterwards. @returns milliseconds to wait before more is read */
  waitMs(now: number = performance.now()): number {
    const { readUnits = 0 } = this.#usage()
    this.#limit.take(readUnits - this.#charged, now)
    this.#charged = readUnits
    return this.#limit.take(0, now)
  }
}
