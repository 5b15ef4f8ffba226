/** Short pieces of a text as bytes, put together where each would be written by itself. */

const [firstBytes, chunkBytes] = [8 << 10, 256 << 10]

/** @returns chunks in a place that is used again, for megabytes of new ones would wait for V8 to collect them: each is good until the next is asked for */
export function* byteChunks(pieces: Iterable<string>): Generator<Buffer, void, undefined> {
  // Most texts are short.
  let place = Buffer.allocUnsafeSlow(firstBytes)
  let length = 0
  for (const piece of pieces) {
    const bytes = Buffer.byteLength(piece)
    if (length + bytes > place.length) {
      if (length > 0) yield place.subarray(0, length)
      length = 0
      if (place.length < chunkBytes) place = Buffer.allocUnsafeSlow(chunkBytes)
    }
    if (bytes > place.length) yield Buffer.from(piece)
    else length += place.write(piece, length)
  }
  if (length > 0) yield place.subarray(0, length)
}
