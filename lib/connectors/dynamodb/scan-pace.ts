/** How many items a scan asks for, so that a request costs about as many read units as it may. */

/** Before anything is known of the items. */
const firstLimit = 25

/** An answer is never larger than 1 MB: this many units of 4 KB. A bound from there on is none. */
const mostUnits = 256

/** What has been learnt of one table, over all of its segments. */
export class ScanPace {
  readonly #estimate: number | undefined
  #items = 0
  #units = 0

  /** @param estimate read units of an item, where the table tells; it may be hours old */
  constructor(estimate?: number) {
    this.#estimate = estimate
  }

  /** @param units that the answer was billed */
  count(items: number, units: number): void {
    this.#items += items
    this.#units += units
  }

  /** @returns the `Limit` of the next request; undefined for as much as an answer holds */
  limitFor(requestUnits: number | undefined): number | undefined {
    if (requestUnits === undefined || requestUnits >= mostUnits) return undefined
    const perItem = this.#items > 0 ? this.#units / this.#items : this.#estimate
    if (perItem === undefined || perItem === 0) return firstLimit
    return Math.max(1, Math.floor(requestUnits / perItem))
  }
}
