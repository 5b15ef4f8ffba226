/** Field names that were read before: the same few come with every document of a collection. */

/** Longer ones are rare, and would cost more to compare than to decode. */
const longestKnown = 40

/** A power of two; names that share a place take turns in it. */
const places = 1024

/**
 * Gives one string object for all names of the same bytes. That saves making it, and an engine finds a field by a string that it has used as a
 * name before in a fraction of the time.
 */
export class KnownNames {
  /** ASCII only. */
  readonly #texts = new Array<string>(places).fill('')

  /** The text of UTF-8 bytes. */
  read(bytes: Buffer, start: number, end: number): string {
    const length = end - start
    if (length === 0 || length > longestKnown) return bytes.toString('utf8', start, end)
    let hash = length
    let bits = 0
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!
      hash = (Math.imul(hash, 31) + byte) | 0
      bits |= byte
    }
    const place = (hash ^ (hash >>> 11)) & (places - 1)
    const known = this.#texts[place]!
    if (isText(known, bytes, start, length)) return known
    const text = bytes.toString('utf8', start, end)
    if (bits < 0x80) this.#texts[place] = text
    return text
  }
}

function isText(text: string, bytes: Buffer, start: number, length: number): boolean {
  if (text.length !== length) return false
  for (let index = 0; index < length; index++) if (text.charCodeAt(index) !== bytes[start + index]) return false
  return true
}
