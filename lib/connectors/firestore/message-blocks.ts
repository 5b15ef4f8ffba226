/**
 * Blocks that messages are written into, used again once nobody looks at any message of theirs. What lies outside of the heap counts for it too: with new
 * blocks all the time V8 would search the whole heap over and over, for little but their sake.
 */
import { BufferPool } from '../../kernel/buffer-pool.ts'

/** 4 MB: more than is under way of documents of 1 KB. */
const mostKept = 64

export class MessageBlocks {
  readonly #pool = new BufferPool(mostKept)
  /** Of each block: messages that somebody may look at; of one that is still written in, below zero, those at which nobody does any more. */
  readonly #messages = new Map<ArrayBufferLike, number>()

  take(least: number): Buffer {
    const block = this.#pool.take(least)
    this.#messages.set(block.buffer, 0)
    return block
  }

  /** Nothing more is written there. @param messages that were */
  leave(block: Buffer, messages: number): void {
    this.#count(block.buffer, messages)
  }

  /** Nobody looks at this message any more; told once. */
  release(message: Buffer): void {
    this.#count(message.buffer, -1)
  }

  #count(bytes: ArrayBufferLike, messages: number): void {
    const before = this.#messages.get(bytes)
    if (before === undefined) return
    const left = before + messages
    this.#messages.set(bytes, left)
    if (left !== 0) return
    this.#messages.delete(bytes)
    this.#pool.give(Buffer.from(bytes))
  }
}
