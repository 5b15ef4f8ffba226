/** Reads source and target at the same time, the target perhaps in a thread of its own; where one fails, the other ends too. */
import type { RetryOptions } from '../engine/retry.ts'
import { silentLogger } from '../open.ts'
import type { Endpoint } from '../open.ts'
import type { Document, Source, Stage, Target } from '../types.ts'
import { hasAttachments } from '../values/index.ts'
import type { CollectionLook } from './first-look.ts'
import type { VerifyOptions } from './options.ts'
import { readEnd } from './read-end.ts'
import type { ReadingEnd, ReadingOptions, Visitor } from './read-end.ts'
import { readInThread } from './read-in-thread.ts'
import type { ThreadVisitor } from './read-in-thread.ts'
import type { Side } from './report.ts'
import { stagesOfSource } from './task.ts'
import type { Task } from './task.ts'

export interface SidesOptions {
  readonly options: VerifyOptions
  readonly task: Task
  readonly target: Source
  /** By which a thread opens it. */
  readonly endpoint: Endpoint
  /** What the target would hold. */
  readonly holder: Target
  /** Aborted where a side fails. */
  readonly stop: AbortController
  readonly onRetry: NonNullable<RetryOptions['onRetry']>
  readonly onDamage: NonNullable<ReadingOptions['onDamage']>
}

/** By names in the target. */
type Looks = ReadonlyMap<string, CollectionLook>

export class BothSides {
  /** Of the source's documents, what is not compared. */
  readonly left = { attachments: 0, designDocuments: 0 }
  readonly #sides: SidesOptions

  constructor(sides: SidesOptions) {
    this.#sides = sides
  }

  /** @param source undefined where the target alone is to be read */
  async read(source: Source | undefined, looks: Looks, visitorOf: (side: Side) => Visitor): Promise<void> {
    const { target, onDamage } = this.#sides
    const held = this.#readingEnd('target', target, looks)
    const reading = { ...this.#reading, onDamage }
    await this.#together([this.#readSource(source, looks, visitorOf), readEnd(held, visitorOf('target'), reading)])
  }

  /** The same, where of the target only sums and rejects are wanted: these go straight into the looks. */
  async readInThread(source: Source | undefined, looks: Looks, visitorOf: (side: Side) => Visitor): Promise<void> {
    await this.#together([this.#readSource(source, looks, visitorOf), this.#readTargetInThread(looks, visitorOf('target'))])
  }

  #readSource(source: Source | undefined, looks: Looks, visitorOf: (side: Side) => Visitor): Promise<void> | undefined {
    return source && readEnd(this.#readingEnd('source', source, looks), visitorOf('source'), this.#reading)
  }

  async #readTargetInThread(looks: Looks, { reject, pause }: Visitor): Promise<void> {
    const { options, task, target, endpoint, holder, onRetry, onDamage } = this.#sides
    const { environment = {}, quick = false, sample, logger = silentLogger } = options
    const { includeDesign, keepMetadata, attachments, rules } = task
    const { parallel, maxRate, maxReadUnits, retry, signal } = this.#reading
    const { names } = this.#readingEnd('target', target, looks)
    if (names.size === 0) return
    const visitor: ThreadVisitor = {
      count: (collection, documents) => looks.get(collection)!.countTarget(documents),
      end: (collection, documents, sums) => looks.get(collection)!.endTarget(documents, sums),
      reject,
      pause: async () => await pause?.(),
      onRetry,
      onDamage
    }
    const work = {
      endpoint,
      environment: { ...environment },
      collections: [...names.keys()],
      includeDesign,
      keepMetadata,
      attachments,
      subcollections: rules.subcollections,
      keepsKinds: holder.keepsKinds ?? false,
      quick,
      sample,
      parallel,
      maxRate,
      maxReadUnits,
      retry
    }
    await readInThread(work, visitor, { signal, logger })
  }

  /** An end to read, with the collections that are wanted of it and that it has. */
  #readingEnd(side: Side, source: Source, looks: Looks): ReadingEnd {
    const { builtIn } = this.#sides.task
    const reports = [...looks.values()].map(({ report }) => report)
    if (side === 'source')
      return {
        source,
        stages: [...this.#counting(), ...stagesOfSource(this.#sides.task)],
        names: new Map(reports.map(report => [report.source, report.target]))
      }
    return { source, stages: builtIn, names: new Map(reports.filter(({ isMissing }) => !isMissing).map(({ target }) => [target, target])) }
  }

  /** What no comparison will see is counted. */
  #counting(): Stage[] {
    const { includeDesign, keepMetadata, attachments } = this.#sides.task
    const { left } = this
    const areLeft = !attachments && !keepMetadata
    return [
      {
        name: 'count-what-is-left',
        mayRepeatIds: false,
        changesInPlace: false,
        givesValues: true,
        // The stage behind it does that.
        drops: areLeft ? ['_attachments'] : [],
        onDropped: (_collection, _field, _documents, members) => void (left.attachments += members),
        apply(document) {
          if (!includeDesign && isDesign(document)) left.designDocuments++
          else if (areLeft && document['_attachments'] !== undefined && hasAttachments(document))
            left.attachments += Object.keys(document['_attachments'] as object).length
          return document
        }
      }
    ]
  }

  async #together(works: readonly (Promise<void> | undefined)[]): Promise<void> {
    let failure: unknown
    const settle = async (work: Promise<void> | undefined): Promise<void> => {
      try {
        await work
      } catch (error) {
        failure ??= error
        this.#sides.stop.abort(error)
      }
    }
    await Promise.all(works.map(settle))
    if (failure !== undefined) throw failure
  }

  get #reading(): ReadingOptions {
    const { options, stop, onRetry, task } = this.#sides
    const { parallel = 4, maxRate, maxReadUnits, retry } = options
    return { parallel, maxRate, maxReadUnits, attachments: task.attachments, signal: stop.signal, retry, onRetry }
  }
}

function isDesign({ _id }: Document): boolean {
  return _id.startsWith('_design/')
}
