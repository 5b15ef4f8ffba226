/** Blocks of lines, or of JSON with lists of documents, through the kernel: on the main thread, and in others besides once that pays. Nothing is copied on the way. */
import { availableParallelism } from 'node:os'
import { copyBytes } from '../kernel/copy-bytes.ts'
import { openKernel, openMemory, place } from '../kernel/instance.ts'
import type { Kernel } from '../kernel/instance.ts'
import { packLines } from '../kernel/kernel.ts'
import type { MemoryBlock } from '../kernel/kernel.ts'
import { Packed } from '../packed.ts'
import type { ElementRun, LinePacker, Packing, Stretch } from '../packed.ts'
import { packHere } from './pack-here.ts'
import type { Made, PackTask } from './pack-here.ts'
import { PackThread } from './pack-thread.ts'
import { slotBytes, Slots } from './slots.ts'
import type { Slot } from './slots.ts'
import { setFree } from '../values/free-memory.ts'
import { notesOfThreads } from './work-thread.ts'

export interface PackerOptions {
  readonly packing: Packing
  /** Beside the main one. */
  readonly threads: number
  /** Bytes that go through the main thread before others are begun: starting them takes a while. */
  readonly after: number
}

const mostByItself = 4
/** A tenth of a second's work, about. */
const startBytes = 16 << 20
/** Being read, packed, and written. */
const slotsAlone = 8
const slotsOfThread = 4
/** Smaller ones are packed sooner than they are sent. */
const leastSent = 64 << 10

/** So much is worth threads from the beginning. */
const largeBytes = 4 * startBytes

/**
 * @param bytes that will come, as far as that is known; fewer where they are compressed
 * @returns undefined where there is no kernel
 */
export function packerFor(packing: Packing, workers: number | 'auto' = 'auto', bytes = 0): Packer | undefined {
  const threads = workers === 'auto' ? Math.min(availableParallelism(), mostByItself) - 1 : workers
  try {
    return new Packer({ packing, threads, after: workers === 'auto' && bytes < largeBytes ? startBytes : 0 })
  } catch {
    return undefined
  }
}

/** For all partitions of a run. */
export class Packer implements LinePacker {
  /** For specs, of which the input is too short for threads: otherwise the main one packs until they are there. */
  static waitsForThreads = false
  readonly #options: PackerOptions
  readonly #memory: ReturnType<typeof openMemory>
  readonly #kernel: Kernel
  readonly #slots: Slots
  #bytes = 0
  #threads: readonly PackThread[] | undefined

  /** @throws where there is no kernel */
  constructor(options: PackerOptions) {
    const parts = 1 + options.threads
    const slots = slotsAlone + slotsOfThread * options.threads
    this.#options = options
    this.#memory = openMemory(parts * place.end + slots * Slots.bytes)
    this.#kernel = openKernel(this.#memory)
    this.#slots = new Slots(this.#kernel.memory, parts * place.end, slots)
  }

  get atOnce(): number {
    return this.#threads ? this.#threads.length * PackThread.atOnce + 2 : 1
  }

  readonly placeBytes = slotBytes

  expect(bytes: number): void {
    if (bytes >= largeBytes) this.#threads ??= this.#begin()
  }

  take(): Buffer | undefined {
    return this.#slots.take()?.input
  }

  give(block: Buffer): void {
    const slot = this.#slots.of(block)
    if (!slot) return
    setFree(block)
    slot.release()
  }

  pack(parts: readonly Buffer[]): readonly Stretch[] | Promise<readonly Stretch[]> {
    return this.#make<Stretch>(parts) ?? packLines(parts, this.#options.packing, { text: 'lent' })
  }

  packElements(block: Buffer, separator: Buffer): readonly ElementRun[] | Promise<readonly ElementRun[]> {
    return this.#make<ElementRun>([block], separator) ?? []
  }

  /** @returns undefined where there is no place for it */
  #make<Asked extends Made>(parts: readonly Buffer[], separator?: Buffer): readonly Asked[] | Promise<readonly Asked[]> | undefined {
    const found = this.#placeOf(parts)
    if (!found) return undefined
    const { slot, block } = found
    const task: PackTask = { block, text: slot.text, columns: slot.columns, ...(separator && { separator: Uint8Array.from(separator) }) }
    this.#bytes += block.length
    if (this.#bytes > this.#options.after) this.#threads ??= this.#begin()
    const pack = (): ReturnType<PackThread['pack']> | readonly Made[] => this.#threadFor(block)?.pack(task) ?? this.#packHere(task)
    const made = Packer.waitsForThreads && this.#threads ? Promise.all(this.#threads.map(({ loaded }) => loaded)).then(pack) : pack()
    const finish = (all: readonly Made[]): readonly Asked[] => {
      const held = all.map(each => ('packed' in each ? { ...each, packed: heldIn(slot, each.packed) } : each))
      slot.release()
      // What comes of a task is told by whether it has a separator.
      return held as readonly Made[] as readonly Asked[]
    }
    return made instanceof Promise ? made.then(finish) : finish(made)
  }

  #threadFor({ length }: MemoryBlock): PackThread | undefined {
    return length >= leastSent ? this.#threads?.find(({ hasRoom }) => hasRoom) : undefined
  }

  notes(): string[] {
    return notesOfThreads(this.#threads ?? [])
  }

  /** Whatever is under way is left. */
  async close(): Promise<void> {
    await Promise.all(this.#threads?.map(thread => thread.close()) ?? [])
  }

  /** Where the parts lie one behind the other in a slot, held; undefined where they can't be brought there. */
  #placeOf(parts: readonly Buffer[]): { readonly slot: Slot; readonly block: MemoryBlock } | undefined {
    const [first] = parts
    const own = parts.length === 1 ? this.#slots.of(first!) : undefined
    if (own) {
      own.hold()
      return { slot: own, block: { from: first!.byteOffset, length: first!.length } }
    }
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const slot = length === 0 ? undefined : this.#slots.take()
    if (!slot || length > slot.input.length) return void slot?.release()
    let to = 0
    for (const part of parts) to = copyBytes(part, slot.input, to)
    return { slot, block: { from: slot.input.byteOffset, length } }
  }

  readonly #packHere = (task: PackTask): readonly Made[] => packHere(this.#kernel, task, this.#options.packing)

  #begin(): readonly PackThread[] {
    const { packing, threads } = this.#options
    const options = { memory: this.#memory, packing, packHere: this.#packHere }
    return Array.from({ length: threads }, (_, index) => new PackThread(this.#kernel.memory, { ...options, part: index + 1 }))
  }
}

/** Twice: until its text is written, and until its documents are counted. */
function heldIn(slot: Slot, packed: Packed): Packed {
  const { text, digests, idHashes } = packed
  return new Packed({ ...packed.parts(), release: holdOf(slot, text), onCounted: holdOf(slot, digests, idHashes) })
}

function holdOf(slot: Slot, ...parts: readonly ArrayBufferView[]): () => void {
  slot.hold()
  let isHeld = true
  return () => {
    if (!isHeld) return
    isHeld = false
    setFree(...parts)
    slot.release()
  }
}
