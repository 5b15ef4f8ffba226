/** How many items a scan asks for: so that a request costs about as many read units as it may, or somewhat more than an answer holds. */

/** Before anything is known of the items. */
const firstLimit = 25

/** An answer is never larger than 1 MB: this many units of 4 KB. A bound from there on is none. */
const mostUnits = 256

/** A bound that no answer reaches costs nothing; one that it reaches costs a request. */
const spare = 1.25
const leastBound = 100
/** Where small items follow on large ones, the bound has to catch up within a few answers. */
const growth = 4

/** What a segment's scan asked for and was given. */
export interface LastAnswer {
  readonly items: number
  readonly limit: number | undefined
}

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

  /**
   * @param last of the same segment
   * @returns the `Limit` of the next request; undefined for as much as an answer holds
   */
  limitFor(requestUnits: number | undefined, last?: LastAnswer): number | undefined {
    const perItem = this.#items > 0 ? this.#units / this.#items : this.#estimate
    if (requestUnits === undefined || requestUnits >= mostUnits) return boundFor(last, perItem)
    if (perItem === undefined || perItem === 0) return firstLimit
    return Math.max(1, Math.floor(requestUnits / perItem))
  }
}

/**
 * More than an answer holds. DynamoDB Local reads all that is left of a segment, up to the limit, before it cuts the answer at 1 MB: without a
 * limit its scans take the square of a table's size.
 */
function boundFor(last: LastAnswer | undefined, unitsPerItem: number | undefined): number | undefined {
  if (last && last.items > 0) {
    const wasCutByIt = last.limit !== undefined && last.items >= last.limit
    return Math.max(leastBound, Math.ceil(last.items * (wasCutByIt ? growth : spare)))
  }
  return unitsPerItem ? Math.max(leastBound, Math.ceil((mostUnits / unitsPerItem) * spare)) : undefined
}
