/** Stages that keep a document waiting. Nothing but the stage ends that, or who stops the run: so they should know for what it waits. */
import { plural } from '../values/format-count.ts'

const defaultLongMs = 30_000

/** A document for which a stage has not answered yet. */
export interface StageWait {
  readonly stage: string
  readonly collection: string
  readonly id: string
}

interface Waiting extends StageWait {
  readonly since: number
  /** When it is told of the next time: each wait twice as long as the one before. */
  nextMs: number
}

export class StageWaits {
  readonly #tell: (wait: StageWait, seconds: number) => void
  readonly #longMs: number
  readonly #waiting = new Set<Waiting>()
  #timer: NodeJS.Timeout | undefined

  /** @param tell of one that has taken `longMs` (default 30 s), twice that, and so on */
  constructor(tell: (wait: StageWait, seconds: number) => void, longMs = defaultLongMs) {
    this.#tell = tell
    this.#longMs = longMs
  }

  /** @returns to be called when the stage has answered, one way or another */
  readonly begin = (stage: string, collection: string, id: string): (() => void) => {
    const waiting = { stage, collection, id, since: performance.now(), nextMs: this.#longMs }
    this.#waiting.add(waiting)
    this.#timer ??= setInterval(this.#look, this.#longMs / 3).unref()
    return () => void this.#waiting.delete(waiting)
  }

  /** Those that were told of and are still waited for. */
  get long(): readonly StageWait[] {
    return [...this.#waiting].filter(({ nextMs }) => nextMs > this.#longMs)
  }

  readonly #look = (): void => {
    const now = performance.now()
    for (const waiting of this.#waiting) {
      if (now - waiting.since < waiting.nextMs) continue
      waiting.nextMs *= 2
      this.#tell(waiting, Math.round((now - waiting.since) / 1_000))
    }
    if (this.#waiting.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** `stage ask has not answered for agents/a1 for 30 seconds` */
export function describeWait({ stage, collection, id }: StageWait, seconds: number): string {
  return `stage ${stage} has not answered for ${collection}/${id} for ${plural(seconds, 'second')}`
}
