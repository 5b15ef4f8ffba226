/** Documents through the stages of a pipeline as in a run, but for its reader and its writer. */
import { Readable, Writable } from 'node:stream'
import { pipeline as connect } from 'node:stream/promises'
import { isTransformStage, stageChain } from '../engine/stage-chain.ts'
import { describeError, DocferryError } from '../errors.ts'
import { Mark, Reject, Section } from '../types.ts'
import type { Document, RunStage, Stage } from '../types.ts'
import type { Item } from '../engine/item-streams.ts'
import { cloneDocument } from '../values/index.ts'

/** Documents as a reader gives them. */
export interface Given {
  readonly collection: string
  /** See `StageContext.source`. */
  readonly source?: string | undefined
  readonly documents: readonly Document[]
}

/** A stage has failed. */
export interface Trouble {
  /** Of the document as it came to that stage; not known of a Node Transform. */
  readonly id?: string | undefined
  readonly stage?: string | undefined
  /** Names stage, place and document. */
  readonly message: string
  /** Whether the document becomes a dead letter; otherwise a run ends here. */
  readonly isDeadLetter: boolean
}

export interface Came {
  /** In order. */
  readonly documents: readonly Document[]
  readonly troubles: readonly Trouble[]
}

/** The stages are open; what they remember of earlier documents holds. Documents that were given are not changed. */
export async function throughStages(
  stages: readonly RunStage[],
  { collection, source, documents }: Given,
  signal?: AbortSignal
): Promise<Came> {
  const stop = new AbortController()
  const out: Document[] = []
  const troubles: Trouble[] = []
  const items: Item[] = [new Section(collection, source), ...documents.map(cloneDocument), new Mark(collection, '', documents.length, 0)]
  const chain = stageChain(stages, {
    partition: collection,
    stop: stop.signal,
    segment: () => ({ observer: {}, pass: () => undefined }),
    onJoin: () => undefined,
    onFailure: async (error, document) => {
      troubles.push(troubleOf(error, document))
      stop.abort(error)
    }
  })
  const collect = new Writable({
    objectMode: true,
    write(item: Item, _encoding, callback) {
      if (item instanceof Reject) {
        const { message, id } = item.details
        troubles.push({ id, stage: item.failed && stages[item.failed.stage]?.name, message, isDeadLetter: true })
      } else if (!(item instanceof Section || item instanceof Mark)) out.push(item as Document)
      callback()
    }
  })
  await connect([Readable.from(items), ...chain, collect], { ...(signal && { signal }) })
  return { documents: out, troubles }
}

/** What ends a run. */
export function troubleOf(error: unknown, document?: Document): Trouble {
  const context = error instanceof DocferryError ? error.context : {}
  return { id: context.id ?? document?._id, stage: context.stage, message: describeError(error), isDeadLetter: false }
}

/** Open them as for a dry run, and close them again, whatever comes of the work. */
export async function withOpenStages<T>(stages: readonly RunStage[], work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const opened: Stage[] = []
  const close = async (isDone: boolean): Promise<void> => {
    for (const stage of opened.splice(0).reverse()) await stage.close?.(isDone)
  }
  try {
    for (const stage of stages) {
      if (isTransformStage(stage)) continue
      opened.push(stage)
      await stage.open?.({ dryRun: true, resumed: false, ...(signal && { signal }) })
    }
    const result = await work()
    await close(true)
    return result
  } finally {
    await close(false)
  }
}
