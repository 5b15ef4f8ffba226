/**
 * Messages of a server's stream right from HTTP/2. grpc-js copies each message, and sends it through a dozen calls, two promises and a turn of its own, with HTTP/2
 * stopped meanwhile: half of what reading a document costs. All that it does beside that stays: channel, credentials, headers, status, cancelling. It has no way of
 * its own to have messages so. Therefore its innermost parts are looked for as they are known here; where they are others, messages come one by one, as from any call.
 */
import type { AnswerStream } from './client.ts'
import { MessageFrames } from './message-frames.ts'

/** What is used of grpc-js's call of one HTTP/2 stream. */
interface InnermostCall {
  readonly decoder: Decoder
  readonly http2Stream: { pause(): unknown; resume(): unknown }
  readonly unpushedReadMessages: readonly unknown[]
}

interface Decoder {
  /** @returns the messages that are whole by now, each with its header */
  write(chunk: Buffer): Buffer[]
  /** 0 between messages. */
  readonly readState: number
  /** -1 for any. */
  readonly maxReadMessageLength: number
}

/** More calls lie in one another than this one holds. */
const mostCalls = 10

/** Far more than an answer of one document has; room for what says that it is larger is not made in advance. */
const mostBytes = 64 << 20

/** The messages of an answer. */
export class DirectAnswers {
  readonly #call: AnswerStream
  readonly #take: (message: Buffer) => void
  #direct: { readonly http2Stream: InnermostCall['http2Stream']; readonly frames: MessageFrames } | undefined
  #isPaused = false

  /** @param take called with each message, whose bytes may be a part of a chunk */
  constructor(call: AnswerStream, take: (message: Buffer) => void) {
    this.#call = call
    this.#take = take
    call.once('metadata', () => this.#begin())
    call.on('data', take)
  }

  /** Whether the last message is whole. */
  get isWhole(): boolean {
    return this.#direct?.frames.isWhole ?? true
  }

  pause(): void {
    this.#isPaused = true
    ;(this.#direct?.http2Stream ?? this.#call).pause()
  }

  resume(): void {
    this.#isPaused = false
    ;(this.#direct?.http2Stream ?? this.#call).resume()
  }

  /** The headers are there, and no message has come. */
  #begin(): void {
    const innermost = innermostOf(this.#call)
    if (innermost === undefined) return
    const { decoder, http2Stream } = innermost
    const most = decoder.maxReadMessageLength
    const frames = new MessageFrames(this.#take, most === -1 ? mostBytes : Math.min(most, mostBytes))
    const plain = decoder.write.bind(decoder)
    decoder.write = chunk => {
      const left = frames.write(chunk)
      if (left === undefined) return []
      decoder.write = plain
      this.#direct = undefined
      // grpc-js stops HTTP/2 by itself from here on.
      http2Stream.resume()
      if (this.#isPaused) this.#call.pause()
      return plain(left)
    }
    this.#direct = { http2Stream, frames }
  }
}

function innermostOf(stream: unknown): InnermostCall | undefined {
  let call: unknown = stream
  for (let depth = 0; depth < mostCalls && isRecord(call); depth++) {
    if (isInnermost(call)) return call
    const { nextCall, child, committedCallIndex: committed, underlyingCalls: tries } = call
    if (Array.isArray(tries)) call = typeof committed === 'number' && isRecord(tries[committed]) ? tries[committed]['call'] : undefined
    else call = nextCall ?? child ?? call['call']
  }
  return undefined
}

function isInnermost(call: Record<string, unknown>): call is Record<string, unknown> & InnermostCall {
  const { decoder, http2Stream, unpushedReadMessages: waiting } = call
  return (
    isRecord(decoder) &&
    typeof decoder['write'] === 'function' &&
    decoder['readState'] === 0 &&
    typeof decoder['maxReadMessageLength'] === 'number' &&
    isRecord(http2Stream) &&
    typeof http2Stream['pause'] === 'function' &&
    typeof http2Stream['resume'] === 'function' &&
    Array.isArray(waiting) &&
    waiting.length === 0
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
