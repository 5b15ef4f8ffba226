/** Puts short pieces of a text together, where each would be written by itself. */

const chunkLength = 1 << 18

export function* textChunks(pieces: Iterable<string>): Generator<string, void, undefined> {
  let parts: string[] = []
  let length = 0
  for (const piece of pieces) {
    parts.push(piece)
    length += piece.length
    if (length < chunkLength) continue
    yield parts.join('')
    parts = []
    length = 0
  }
  if (length > 0) yield parts.join('')
}
