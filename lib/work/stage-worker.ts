/** The stages of a run that look into documents, applied to blocks of lines: on the main thread, and in threads once that pays. */
import { availableParallelism } from 'node:os'
import type { Division } from '../engine/packing.ts'
import { BufferPool } from '../kernel/buffer-pool.ts'
import type { CheckedOptions } from '../open-run.ts'
import type { BlockPlace, LineWorker, Stretch } from '../packed.ts'
import type { PlannedOptions } from '../plan/plan.ts'
import { stagesInPlace } from '../stages/in-place.ts'
import type { Stage } from '../types.ts'
import { contextsOf } from './contexts.ts'
import { threadFile } from './thread-file.ts'
import { fromMessages } from './thread-messages.ts'
import type { ThreadSetup, ThreadStretch, ThreadTask } from './thread-messages.ts'
import { workLines } from './work-lines.ts'
import type { Work } from './work-lines.ts'
import { fieldsOfStages } from './work-outlines.ts'
import { notesOfThreads, WorkThread } from './work-thread.ts'

export interface StageWorkerOptions extends Division {
  /** Missing where the stages can't be made again in a thread, or nobody wants threads. */
  readonly threads?: {
    readonly count: number
    /** Bytes that go through the main thread before threads are begun: starting them takes a while, and memory. */
    readonly after: number
    readonly setup: ThreadSetup
  }
}

type Asked = Pick<CheckedOptions, 'stages' | 'workers' | 'environment' | 'signal'>

/** @param planned what a thread can make the stages of again */
export function workerFor(division: Division, planned: PlannedOptions, { stages, workers = 'auto', environment = {} }: Asked): StageWorker {
  const { packing, first } = division
  const cores = availableParallelism()
  // The main thread works too: with more of them than cores, each has to load and to warm up for less.
  const count = workers === 'auto' ? Math.min(cores, mostByItself) - 1 : Math.min(workers, Math.max(1, cores - 1))
  const canBeMade = planned.pipeline !== undefined || stages.every(({ text }) => text !== undefined)
  if (!canBeMade || count < 1) return new StageWorker(division)
  const setup = { asked: askedOf(planned), environment, first, packing }
  return new StageWorker({ ...division, threads: { count, after: workers === 'auto' ? startBytes : 0, setup } })
}

function askedOf({ stages, pipeline, includeDesign, keepMetadata, attachments }: PlannedOptions): ThreadSetup['asked'] {
  return { stages, includeDesign, keepMetadata, ...(pipeline && { pipeline }), ...(attachments && { attachments }) }
}

const mostByItself = 4
/** A second's work, about: less is done before threads have begun. */
const startBytes = 32 << 20

type StageThread = WorkThread<ThreadTask, readonly ThreadStretch[]>

export class StageWorker {
  /** For specs, of which the input is too short for threads: otherwise the main one works until they are there. */
  static waitsForThreads = false
  readonly #options: StageWorkerOptions
  readonly #stages: readonly Stage[]
  readonly #fields: readonly string[] | undefined
  #bytes = 0
  #threads: readonly StageThread[] = []
  readonly #rooms = new BufferPool(roomsKept, { isShared: true })

  constructor(options: StageWorkerOptions) {
    this.#options = options
    this.#stages = stagesInPlace(options.stages)
    this.#fields = fieldsOfStages(this.#stages)
  }

  /** For the blocks of one partition. */
  of(partition: string): LineWorker {
    const contextOf = contextsOf(partition)
    const atOnce = (): number => (this.#threads.length > 0 ? this.#threads.length * blocksOfThread + blocksBeside : 1)
    return {
      get atOnce() {
        return atOnce()
      },
      work: async (block, place) => {
        this.#bytes += block.length
        if (this.#wantsThreads()) this.#threads = this.#begin()
        if (StageWorker.waitsForThreads) await Promise.all(this.#threads.map(({ loaded }) => loaded))
        const thread = this.#freeThread()
        return (thread && (await this.#inThread(thread, block, place, partition))) ?? (await this.#here(block, place, contextOf))
      }
    }
  }

  /** Whatever is under way is left. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map(thread => thread.close()))
  }

  notes(): string[] {
    return notesOfThreads(this.#threads)
  }

  #here(block: Buffer, place: BlockPlace, contextOf: Work['contextOf']): Promise<readonly Stretch[]> {
    const { packing, first } = this.#options
    const stages = this.#stages
    return workLines(block, place, { packing, stages, first, fields: this.#fields, contextOf, textPlace: 'lent' })
  }

  /** @returns undefined where the thread is gone: then the block is where it was */
  async #inThread(thread: StageThread, bytes: Buffer, place: BlockPlace, partition: string): Promise<readonly Stretch[] | undefined> {
    const isShared = bytes.buffer instanceof SharedArrayBuffer
    const block = isShared ? bytes : new Uint8Array(bytes)
    const room = this.#rooms.take(roomOf(block.length))
    try {
      const answer = await thread.run({ block, room, place, partition }, isShared ? [] : [block.buffer as ArrayBuffer])
      return fromMessages(answer, { room, give: () => this.#rooms.give(room), packing: this.#options.packing })
    } catch (error) {
      if (thread.failure === undefined) throw error
      return undefined
    }
  }

  #wantsThreads(): boolean {
    const { threads } = this.#options
    return threads !== undefined && this.#threads.length === 0 && this.#bytes > threads.after
  }

  #begin(): StageThread[] {
    const { count, setup } = this.#options.threads!
    return Array.from({ length: count }, (_, index) => new WorkThread(threadFile('thread'), { name: `work ${index + 1}`, setup, youngMb }))
  }

  /** The one that has least to do; undefined where none is ready, or all have enough: what comes then the main one does itself. */
  #freeThread(): StageThread | undefined {
    const free = this.#threads.filter(({ isReady, load }) => isReady && load < blocksOfThread)
    return free.length === 0 ? undefined : free.reduce((least, thread) => (thread.load < least.load ? thread : least))
  }
}

/** One that is worked on, and one that waits, so that no thread has to. */
const blocksOfThread = 2
/** Done, or the main thread's own: where the first is not done it works on another one in place of waiting. */
const blocksBeside = 2

/** As many as wait to be written, about. */
const roomsKept = 8

/** Of what is made of so many bytes: stages add less than a quarter, mostly. */
function roomOf(bytes: number): number {
  return bytes + (bytes >> 2)
}

/** Documents die young: what does not fit is copied while it still lives. */
const youngMb = 32
