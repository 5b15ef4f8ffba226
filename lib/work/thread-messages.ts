/** What goes to a worker thread and comes back: plain data, of which the bytes change hands. */
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
  readonly place: BlockPlace
  readonly partition: string
}

export type ThreadStretch = PlainLine | ThreadLines

type ThreadLines = Omit<ConstructorParameters<typeof Packed>[0], 'packing' | 'text' | 'lines'> &
  Pick<PackedLines, 'bytes' | 'came'> & { readonly text: Uint8Array }

export function toMessage(stretch: Stretch): ThreadStretch {
  if (!('packed' in stretch)) return stretch
  const { packed, bytes, came } = stretch
  const { text, count, digests, kinds, idHashes, dropped, members, enveloped, worked } = packed
  return { text: alone(text), count, digests, kinds, idHashes, dropped, members, enveloped, worked, bytes, came }
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
