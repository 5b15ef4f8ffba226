/** The frames of gRPC's messages in a stream of bytes: a flag, a length in four bytes, the message. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */

const headerBytes = 5
const nothing = Buffer.alloc(0)

/** Finds messages in chunks that end anywhere. One that lies in a chunk is a view of it, and no copy. */
export class MessageFrames {
  readonly #maxBytes: number
  readonly #take: (message: Buffer) => void
  /** The beginning of a header. */
  #head: Buffer = nothing
  /** A message of which some bytes are still to come. */
  #message: Buffer | undefined
  #filled = 0

  /** @param maxBytes of a message */
  constructor(take: (message: Buffer) => void, maxBytes = Infinity) {
    this.#take = take
    this.#maxBytes = maxBytes
  }

  /** Whether the last frame is whole. */
  get isWhole(): boolean {
    return this.#message === undefined && this.#head.length === 0
  }

  /** @returns what is not for here, from the beginning of a frame on: a message that is compressed, or too large; nothing more may be written then */
  write(chunk: Buffer): Buffer | undefined {
    const { length } = chunk
    let at = this.#fill(chunk)
    if (this.#head.length > 0) {
      const head = Buffer.concat([this.#head, chunk])
      this.#head = nothing
      return this.write(head)
    }
    while (length - at >= headerBytes) {
      const bytes = chunk.readUInt32BE(at + 1)
      if (chunk[at] !== 0 || bytes > this.#maxBytes) return chunk.subarray(at)
      const from = at + headerBytes
      at = from + bytes
      if (at <= length) this.#take(chunk.subarray(from, at))
      else {
        this.#message = Buffer.allocUnsafe(bytes)
        this.#filled = chunk.copy(this.#message, 0, from)
        return undefined
      }
    }
    this.#head = chunk.subarray(at)
    return undefined
  }

  /** @returns how much of the chunk belongs to the message that has begun */
  #fill(chunk: Buffer): number {
    const message = this.#message
    if (message === undefined) return 0
    const taken = chunk.copy(message, this.#filled)
    this.#filled += taken
    if (this.#filled === message.length) {
      this.#message = undefined
      this.#take(message)
    }
    return taken
  }
}
