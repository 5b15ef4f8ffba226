/** Bytes that can be looked at before they are read, in chunks that are ours until the next is asked for. An error met while looking is thrown when reading comes to it. */
export class Peekable implements AsyncIterable<Buffer> {
  readonly #iterator: AsyncIterator<Buffer>
  #chunks: Buffer[] = []
  /** Whether what is there is a copy. */
  #isOwn = false
  #ending: { readonly error?: unknown } | undefined

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#iterator = chunks[Symbol.asyncIterator]()
  }

  get peeked(): Buffer {
    if (this.#chunks.length > 1) this.#own()
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  get isEmpty(): boolean {
    return this.#ending !== undefined && this.peeked.length === 0
  }

  /** @throws what ended the input early, if something did */
  throwError(): void {
    if (this.#ending && 'error' in this.#ending) throw this.#ending.error
  }

  /** The first bytes: at least so many, or all there are before the end or an error. */
  async peek(wanted: number): Promise<Buffer> {
    while (!this.#ending && this.peeked.length < wanted) {
      if (!this.#isOwn && this.#chunks.length > 0) this.#own()
      try {
        const { value, done } = await this.#iterator.next()
        if (done) this.#ending = {}
        else this.#chunks.push(value)
      } catch (error) {
        this.#ending = { error }
      }
    }
    return this.peeked
  }

  #own(): void {
    this.#chunks = [Buffer.concat(this.#chunks)]
    this.#isOwn = true
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (const chunk of this.#chunks.splice(0)) yield chunk
      while (!this.#ending) {
        const { value, done } = await this.#iterator.next()
        if (done) return
        yield value
      }
      this.throwError()
    } finally {
      await this.close()
    }
  }

  async close(): Promise<void> {
    await this.#iterator.return?.()
  }
}
