/** The stages of a run that look into documents, applied to blocks of lines: on the main thread, and in threads once that pays. */
import { availableParallelism } from 'node:os'
import type { Piscina } from 'piscina'
import type { Division } from '../engine/packing.ts'
import { describeError, DocferryError } from '../errors.ts'
import type { CheckedOptions } from '../open-run.ts'
import type { BlockPlace, LineWorker, Stretch } from '../packed.ts'
import type { PlannedOptions } from '../plan/plan.ts'
import { contextsOf } from './contexts.ts'
import { fromMessage } from './thread-messages.ts'
import type { ThreadSetup, ThreadStretch, ThreadTask } from './thread-messages.ts'
import { workLines } from './work-lines.ts'

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
  const count = workers === 'auto' ? Math.min(availableParallelism(), mostByItself) : workers
  const canBeMade = planned.pipeline !== undefined || stages.every(({ text }) => text !== undefined)
  // One core is busy with the main thread already.
  if (!canBeMade || count < (workers === 'auto' ? 2 : 1)) return new StageWorker(division)
  const setup = { asked: askedOf(planned), environment, first, packing }
  return new StageWorker({ ...division, threads: { count, after: workers === 'auto' ? startBytes : 0, setup } })
}

function askedOf({ stages, pipeline, includeDesign, keepMetadata, attachments }: PlannedOptions): ThreadSetup['asked'] {
  return { stages, includeDesign, keepMetadata, ...(pipeline && { pipeline }), ...(attachments && { attachments }) }
}

const mostByItself = 4
/** A second's work, about: less is done before threads have begun. */
const startBytes = 32 << 20

export class StageWorker {
  readonly #options: StageWorkerOptions
  #bytes = 0
  #pool: Promise<Piscina<ThreadTask, ThreadStretch[]>> | undefined

  constructor(options: StageWorkerOptions) {
    this.#options = options
  }

  /** For the blocks of one partition. */
  of(partition: string): LineWorker {
    const { packing, stages, first, threads } = this.#options
    const contextOf = contextsOf(partition)
    const atOnce = (): number => (this.#pool && threads ? threads.count * blocksOfThread : 1)
    return {
      isNeeded: stages.length > 0,
      get atOnce() {
        return atOnce()
      },
      work: async (block, place) => {
        this.#bytes += block.length
        if (threads && this.#bytes > threads.after) return await this.#inThread(block, place, partition)
        return await workLines(block, place, { packing, stages, first, contextOf, pieceBytes })
      }
    }
  }

  /** Whatever is under way is left. */
  async close(): Promise<void> {
    const pool = await this.#pool?.catch(() => undefined)
    this.#pool = undefined
    await pool?.destroy()
  }

  async #inThread(bytes: Buffer, place: BlockPlace, partition: string): Promise<readonly Stretch[]> {
    const pool = await (this.#pool ??= this.#open())
    const block = new Uint8Array(bytes)
    try {
      const messages = await pool.run({ block, place, partition }, { transferList: [block.buffer] })
      return messages.map(message => fromMessage(message, this.#options.packing))
    } catch (error) {
      const advice = 'run it without threads (--workers 0), or resume it so'
      throw new DocferryError('DOCFERRY_STAGE', `a worker thread failed: ${describeError(error)}; ${advice}`, { cause: error })
    }
  }

  async #open(): Promise<Piscina<ThreadTask, ThreadStretch[]>> {
    const { count, setup } = this.#options.threads!
    const { Piscina } = await import('piscina')
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    return new Piscina({
      filename: new URL(`./thread.${extension}`, import.meta.url).href,
      name: 'work',
      minThreads: count,
      maxThreads: count,
      concurrentTasksPerWorker: blocksOfThread,
      // A stage may wait for something, and a thread that sleeps sees no answer.
      atomics: 'disabled',
      resourceLimits: { maxYoungGenerationSizeMb: youngMb },
      // Of the flags of a process some, such as --input-type, are none for a thread.
      execArgv: [],
      workerData: setup
    })
  }
}

/** One that is worked on, and one that waits, so that no thread has to. */
const blocksOfThread = 2

/** On the main thread, whose young generation is small. */
const pieceBytes = 128 << 10

/** Documents die young: what does not fit is copied while it still lives. */
const youngMb = 32
