/** Things in the order in which their time comes: the next is known at once, whatever their number. */
export interface Due {
  readonly dueMs: number
}

export class DueHeap<Item extends Due> {
  /** Each is due no earlier than the one at half its place. The first place is left free. */
  readonly #items: (Item | undefined)[] = [undefined]

  get first(): Item | undefined {
    return this.#items[1]
  }

  add(item: Item): void {
    const items = this.#items
    let at = items.length
    for (let above = at >>> 1; above > 0 && items[above]!.dueMs > item.dueMs; above >>>= 1) {
      items[at] = items[above]
      at = above
    }
    items[at] = item
  }

  removeFirst(): void {
    const items = this.#items
    const last = items.length > 1 ? items.pop() : undefined
    if (!last || items.length === 1) return
    let at = 1
    for (let below = 2; below < items.length; below = at * 2) {
      if (below + 1 < items.length && items[below + 1]!.dueMs < items[below]!.dueMs) below++
      if (items[below]!.dueMs >= last.dueMs) break
      items[at] = items[below]
      at = below
    }
    items[at] = last
  }
}
