/** A thread that packs blocks which lie in a memory that it shares with the main one. */
import { describeError } from '../errors.ts'
import { kernelCode } from '../kernel/instance.ts'
import type { SharedMemory } from '../kernel/instance.ts'
import type { MemoryBlock } from '../kernel/kernel.ts'
import { Packed } from '../packed.ts'
import type { ElementRun, PackedLines, Packing, PlainLine } from '../packed.ts'
import type { Made, PackTask } from './pack-here.ts'
import { threadFile } from './thread-file.ts'
import { WorkThread } from './work-thread.ts'

/** What a thread is begun with. */
export interface PackSetup {
  /** Compiled already. */
  readonly code: object
  readonly memory: SharedMemory
  /** Of the memory, for its instance of the kernel. */
  readonly part: number
  readonly packing: Pick<Packing, 'drop' | 'counted' | 'special'>
}

/** Bytes of the memory, in place of what lies there. */
export type PackAnswer = readonly (PlainLine | Answered<PackedLines> | Answered<ElementRun>)[]

type Answered<Found> = Omit<Found, 'packed'> & { readonly packed: AnsweredPacked }

export interface AnsweredPacked extends Pick<Packed, 'count' | 'kinds' | 'dropped' | 'members' | 'enveloped'> {
  readonly text: MemoryBlock
  /** What has no room in the memory changes hands. */
  readonly digests: Uint32Array | MemoryBlock
  readonly idHashes: Int32Array | MemoryBlock
}

export interface PackThreadOptions extends Omit<PackSetup, 'code'> {
  readonly packing: Packing
  /** For what the thread leaves where it fails. */
  readonly packHere: (task: PackTask) => readonly Made[]
}

export class PackThread {
  /** One that is packed, and one that waits, so that the thread does not have to. */
  static readonly atOnce = 2
  readonly #options: PackThreadOptions
  readonly #memory: Buffer
  /** How many blocks are done, which is known before the answer has come. */
  readonly #done: Int32Array
  readonly #thread: WorkThread<PackTask, PackAnswer>
  #sent = 0
  /** Of its kernel, which may be in any state then. */
  #taskFailure: string | undefined

  constructor(memory: Buffer, options: PackThreadOptions) {
    const { packing, part } = options
    this.#options = options
    this.#memory = memory
    this.#done = doneCounter(memory, part)
    const { drop, counted, special = false } = packing
    const left = { drop, ...(counted !== undefined && { counted }), special }
    const setup: PackSetup = { code: kernelCode(), memory: options.memory, part, packing: left }
    this.#thread = new WorkThread(threadFile('pack-in-thread'), { name: 'pack', setup })
  }

  /** Why it packs no more. */
  get failure(): string | undefined {
    return this.#thread.failure ?? this.#taskFailure
  }

  /** Once it is ready, or gone. */
  get loaded(): Promise<void> {
    return this.#thread.loaded
  }

  get hasRoom(): boolean {
    if (!this.#thread.isReady || this.#taskFailure !== undefined) return false
    return ((this.#sent - Atomics.load(this.#done, 0)) | 0) < PackThread.atOnce
  }

  async pack(task: PackTask): Promise<readonly Made[]> {
    this.#sent = (this.#sent + 1) | 0
    let answer: PackAnswer
    try {
      answer = await this.#thread.run(task)
    } catch (error) {
      this.#taskFailure ??= describeError(error)
      // The block is where it was.
      return this.#options.packHere(task)
    }
    return answer.map(each => ('packed' in each ? { ...each, packed: this.#packedOf(each.packed) } : each))
  }

  /** Whatever is under way is left. */
  async close(): Promise<void> {
    await this.#thread.close()
  }

  #packedOf({ text: at, digests, idHashes, ...others }: AnsweredPacked): Packed {
    const { buffer } = this.#memory
    return new Packed({
      ...others,
      packing: this.#options.packing,
      text: this.#memory.subarray(at.from, at.from + at.length),
      digests: 'from' in digests ? new Uint32Array(buffer, digests.from, digests.length / 4) : digests,
      idHashes: 'from' in idHashes ? new Int32Array(buffer, idHashes.from, idHashes.length / 4) : idHashes,
      worked: undefined,
      lines: undefined
    })
  }
}

/** In the first bytes of the memory, which no instance uses. */
export function doneCounter(memory: Buffer, part: number): Int32Array {
  return new Int32Array(memory.buffer, 4 * part, 1)
}
