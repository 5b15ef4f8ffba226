/**
 * A server sends row by row, and a read of few bytes costs as much as one of many: in rests between reads the system gathers them. A server that sends
 * no more until what it has sent is read is held up by each of them, so there is none where much was gathered.
 */

/** Not so long that what can be gathered would hold up the server. */
const longestMs = 16

export class ReadRests {
  readonly #fullBytes: number
  #gathered = 0
  #ms = 0

  /** @param fullBytes of a read behind which there may be more */
  constructor(fullBytes: number) {
    this.#fullBytes = fullBytes
  }

  /** @returns how long to rest behind a read of so many bytes */
  behind(bytes: number): number {
    this.#gathered += bytes
    if (bytes >= this.#fullBytes) return 0
    if (this.#gathered < this.#fullBytes / 2) this.#ms = Math.min(2 * this.#ms + 1, longestMs)
    else if (this.#gathered >= this.#fullBytes) this.#ms >>= 1
    this.#gathered = 0
    return this.#ms
  }
}
