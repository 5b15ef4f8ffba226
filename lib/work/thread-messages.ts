/** What goes to a worker thread and comes back: plain data, of which the bytes change hands. */
import { Packed } from '../packed.ts'
import type { BlockPlace, PackedLines, Packing, PlainLine, Stretch, Worked } from '../packed.ts'
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
  readonly place: BlockPlace
  readonly partition: string
}

export type ThreadStretch = PlainLine | ThreadLines

interface ThreadLines {
  readonly bytes: number
  readonly text: Uint8Array
  readonly count: number
  readonly digests: Uint32Array
  readonly idHashes: Int32Array
  readonly dropped: readonly number[]
  readonly members: number
  readonly worked: Worked | undefined
  readonly came: PackedLines['came'] | undefined
}

export function toMessage(stretch: Stretch): ThreadStretch {
  if (!('packed' in stretch)) return stretch
  const { packed, bytes, came } = stretch
  const { text, count, digests, idHashes, dropped, members, worked } = packed
  return {
    bytes,
    text: alone(text),
    count,
    digests,
    idHashes,
    dropped,
    members,
    worked,
    came
  }
}

/** @param packing the one that the setup was made of */
export function fromMessage(message: ThreadStretch, packing: Packing): PackedLines | PlainLine {
  if (!('text' in message)) return message
  const { bytes, text, came, ...others } = message
  const { buffer, byteOffset, byteLength } = text
  return {
    packed: new Packed({ ...others, lines: undefined, packing, text: Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength) }),
    bytes,
    ...(came && { came })
  }
}

/** The same bytes in a buffer that holds nothing else, so that it can change hands. */
function alone(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.byteLength === bytes.buffer.byteLength ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
}
