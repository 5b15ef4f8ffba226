/** Numbers, and what they count, as a person reads them. */

/** 12,345 */
export function formatCount(count: number): string {
  // The engine's own way loads its tables of all languages first: 10 ms.
  return String(Math.round(count)).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** `1 document`, `2,000 documents`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
