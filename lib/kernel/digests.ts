/** Digests of documents that the kernel has read: of their values, and of the kinds of their numbers where they have any. */
import { hash } from 'node:crypto'
import { envelopedKinds } from '../packed.ts'
import { place, record } from './instance.ts'
import type { Kernel } from './instance.ts'

/** What they are made of, and how many of `envelopedKinds` the document has. */
export interface Forms {
  readonly values: Uint8Array
  readonly kinds?: Uint8Array
  readonly enveloped?: readonly number[]
}

/** Good until more is read. @param at the document's record, in words */
export function formsOf(kernel: Kernel, at: number): Forms {
  const values = canonicalOf(kernel, at)
  return kernel.words[at + record.specials] === 0 ? { values } : specialForms(kernel, values)
}

/** The canonical bytes, with the kinds of numbers in them. Good until more is read. */
export function canonicalOf({ bytes, words }: Kernel, at: number): Uint8Array {
  return new Uint8Array(bytes, words[at + record.canonical], words[at + record.canonicalLength])
}

function specialForms({ memory, words, base, freeOfKinds }: Kernel, canonical: Uint8Array): Forms {
  const left = freeOfKinds(canonical.byteOffset, canonical.length)
  const counts = (base + place.enveloped) >> 2
  const enveloped = envelopedKinds.map((_, kind) => words[counts + kind]!)
  const hasEnvelopes = enveloped.some(count => count > 0) && { enveloped }
  if (left === canonical.length) return { values: canonical, ...hasEnvelopes }
  return { values: new Uint8Array(memory.buffer, base + place.scratch, left), kinds: canonical, ...hasEnvelopes }
}

/** In Latin-1: a buffer that comes out of `hash` costs as much as the hashing. */
export function digestOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'binary')
}

/** Eight of each, the most significant first. @param digests one after the other */
export function wordsOf(digests: Uint8Array): Uint32Array {
  const words = new Uint32Array(digests.length / 4)
  const bytes = Buffer.from(words.buffer)
  bytes.set(digests)
  bytes.swap32()
  return words
}
