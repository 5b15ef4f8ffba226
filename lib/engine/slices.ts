/**
 * Cut a list into runs of neighbours, each within a count and a sum of sizes. What is larger by itself goes alone.
 *
 * @returns in order; none of them empty
 */
export function slicesOf<Item>(
  items: readonly Item[],
  sizeOf: (item: Item) => number,
  { most, mostBytes }: { readonly most: number; readonly mostBytes: number }
): Item[][] {
  const slices: Item[][] = []
  let slice: Item[] = []
  let bytes = 0
  for (const item of items) {
    const size = sizeOf(item)
    if (slice.length === most || (slice.length > 0 && bytes + size > mostBytes)) {
      slices.push(slice)
      slice = []
      bytes = 0
    }
    slice.push(item)
    bytes += size
  }
  if (slice.length > 0) slices.push(slice)
  return slices
}
