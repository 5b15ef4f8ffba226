/** A step of a path: a field name, an index, or null for what stands in the target only (an envelope's key). */
export type Place = string | number | null

/** Names that would pass for a path, for an index or for nothing. */
const unclear = /[.[\]"*]|^\s|\s$|^$/

/** `usage_info.usage[3]."a.b"`: where in a document something stands, as stages read it too. @param count of the first places */
export function pathText(path: readonly Place[], count = path.length): string {
  let text = ''
  for (let index = 0; index < count; index++) {
    const place = path[index]
    if (typeof place === 'number') text += `[${place}]`
    else if (typeof place === 'string') text += `${text === '' ? '' : '.'}${unclear.test(place) ? JSON.stringify(place) : place}`
  }
  return text
}
