/** What goes to a worker thread and comes back: plain data, of which the bytes change hands. */
import { copyBytes, copyOf } from '../kernel/copy-bytes.ts'
import type { TextRoom } from '../kernel/gathering.ts'
import { Packed } from '../packed.ts'
import type { BlockPlace, PackedLines, Packing, PlainLine, Stretch } from '../packed.ts'
import type { PlannedOptions } from '../plan/plan.ts'
import type { Environment } from '../types.ts'

/** What a thread makes its stages of. */
export interface ThreadSetup {
  readonly asked: Pick<PlannedOptions, 'stages' | 'pipeline' | 'includeDesign' | 'keepMetadata' | 'attachments'>
  readonly environment: Environment
  /** Index of the first stage that looks into documents, the built-in ones of every run counted. */
  readonly first: number
  readonly packing: Pick<Packing, 'drop' | 'counted'>
}

export interface ThreadTask {
  readonly block: Uint8Array
  /** Shared memory for the text of what is made of it; what has no room there changes hands. */
  readonly room: Uint8Array
  readonly place: BlockPlace
  readonly partition: string
}

export type ThreadStretch = PlainLine | ThreadLines

type ThreadLines = Omit<ConstructorParameters<typeof Packed>[0], 'packing' | 'text' | 'lines' | 'release'> &
  Pick<PackedLines, 'bytes' | 'came'> & { readonly text: Uint8Array<ArrayBuffer> | RoomPlace }

/** Of a task's room. */
interface RoomPlace {
  readonly from: number
  readonly length: number
}

/** The room of a task, in its thread. */
export class ThreadRoom implements TextRoom {
  readonly #bytes: Buffer
  #used = 0

  constructor({ buffer, byteOffset, byteLength }: Uint8Array) {
    this.#bytes = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
  }

  put(text: Buffer): Buffer {
    const from = this.#used
    if (from + text.length > this.#bytes.length) return copyOf(text)
    this.#used = copyBytes(text, this.#bytes, from)
    return this.#bytes.subarray(from, this.#used)
  }

  toMessage(stretch: Stretch): ThreadStretch {
    if (!('packed' in stretch)) return stretch
    const { packed, bytes, came } = stretch
    const { count, digests, kinds, idHashes, dropped, members, enveloped, worked } = packed
    return { text: this.#placeOf(packed.text), count, digests, kinds, idHashes, dropped, members, enveloped, worked, bytes, came }
  }

  #placeOf(text: Buffer): ThreadLines['text'] {
    const { buffer, byteOffset } = this.#bytes
    return text.buffer === buffer ? { from: text.byteOffset - byteOffset, length: text.length } : alone(text)
  }
}

/** What of a message has to change hands. */
export function buffersOf(messages: readonly ThreadStretch[]): ArrayBuffer[] {
  return messages.flatMap(message => ('text' in message && message.text instanceof Uint8Array ? [message.text.buffer] : []))
}

/**
 * @param room of the task; @param give is told when nobody looks at it any more, which may be never
 * @param packing the one that the setup was made of
 */
export function fromMessages(
  messages: readonly ThreadStretch[],
  { room, give, packing }: { readonly room: Buffer; readonly give: () => void; readonly packing: Packing }
): (PackedLines | PlainLine)[] {
  let held = 1
  const release = (): void => void (--held === 0 && give())
  const textOf = (text: ThreadLines['text']): Pick<Packed, 'text'> & Partial<Pick<Packed, 'release'>> => {
    if (text instanceof Uint8Array) return { text: Buffer.from(text.buffer, text.byteOffset, text.byteLength) }
    held++
    return { text: room.subarray(text.from, text.from + text.length), release: once(release) }
  }
  const stretches = messages.map(message => {
    if (!('text' in message)) return message
    const { bytes, text, came, ...others } = message
    return { packed: new Packed({ ...others, lines: undefined, packing, ...textOf(text) }), bytes, ...(came && { came }) }
  })
  release()
  return stretches
}

function once(work: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) work()
    isDone = true
  }
}

/** The same bytes in a buffer that holds nothing else, so that it can change hands. */
function alone(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.byteLength === bytes.buffer.byteLength ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
}
