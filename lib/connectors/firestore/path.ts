/** A part of a path: a field name, an index, or null for what stands in Firestore only (an envelope's key). */
export type Place = string | number | null

/** A path as `Refusal` has it, of the first places. */
export function pathText(places: readonly Place[], count: number): string {
  let text = ''
  for (let index = 0; index < count; index++) {
    const place = places[index]
    if (typeof place === 'number') text += `[${place}]`
    else if (typeof place === 'string') text += text === '' ? place : `.${place}`
  }
  return text
}
