/** A step between reader and writer. */
import type { Duplex } from 'node:stream'
import type { Location } from './place.ts'
import type { Document, Json } from '../values/types.ts'

/** What a stage is told about the document it gets. */
export interface StageContext {
  readonly collection: string
  /** Of the source, as a pipeline names it, where there are several. */
  readonly source?: string | undefined
  /** The partition that it is read from; missing outside of a run. */
  readonly partition?: string
  /** What a pipeline gives a stage of a user's own. */
  readonly options?: unknown
  readonly signal?: AbortSignal
}

/** A document, several, or none. */
export type StageResult = Document | Iterable<Document> | AsyncIterable<Document> | null | undefined

/** What a run takes as a stage. */
export type RunStage = Stage | TransformStage

/** A stage as users write it: a bare function stands for one whose name is the function's. */
export type StageLike = RunStage | Stage['apply']

/**
 * What becomes of a document for which a stage fails. `fail`: the run ends. `dead-letter`: the document, as it came to the stage, is kept with
 * the cause, and a retry goes on with that stage. `skip`: it is left out, and counted as filtered.
 */
export type OnStageError = (typeof onStageErrors)[number]
export const onStageErrors = ['fail', 'dead-letter', 'skip'] as const

/**
 * What a stage remembers from one document to the next, so that a run that goes on can give it back: the engine takes it piece by piece
 * with each mark, and keeps what is of documents that the target has acknowledged. Pieces may come back in any order.
 */
export interface StageState {
  /** What it has learnt of documents of this partition since it was asked for it last; undefined: nothing. Called at each mark. */
  take(partition: string): Json | undefined
  /** Called for each piece that was kept, before the first document of a run that goes on. */
  restore(piece: Json): void
}

/**
 * What a stage has made beside the run, by which it knows that again from what is somebody else's: when the run goes on, and when its dead letters are
 * retried. Kept in the run's folder at once, whatever becomes of the documents.
 */
export interface StageRecords {
  /** By the stages of this name, in order; those of earlier processes first. */
  list(): readonly Json[]
  /** A process that dies behind this has kept it. */
  add(record: Json): void
}

/** The run that a stage is for. */
export interface StageRun {
  readonly dryRun: boolean
  readonly resumed: boolean
  readonly signal?: AbortSignal
  /** Missing outside of a run. */
  readonly records?: StageRecords
}

/** The run that a stage will be for. */
export interface CheckedRun extends StageRun {
  /** Missing where only reading tells which there are. */
  readonly collections?: readonly string[]
  /** What each of several sources gives, by its name (`StageContext.source`); one that is missing gives what only reading tells. */
  readonly sources?: ReadonlyMap<string, readonly string[]>
  /** Where it reads and writes. */
  readonly ends: readonly Location[]
  /** The files that its stages will write, by their real paths and, where they are there, device and inode; each adds its own. */
  readonly files: Set<string>
}

interface AnyStage {
  readonly name: string
  /** What tells it from another stage of its name, as a user writes it: `strip:a,b`. Default: the name. */
  readonly text?: string
  /** Where it is written, for errors: `pipelines/x.yaml:12:5`. */
  readonly place?: string
  /** Whether two documents may leave with the same id although the ids that came in were unique. Default true: nothing is known. */
  readonly mayRepeatIds?: boolean
}

/**
 * A step between reader and writer: one document in; one, several or none out. It may change the document it gets.
 * It sees neither pages nor batches nor control items. A name makes errors and counts readable.
 */
export interface Stage extends AnyStage {
  readonly apply: (document: Document, context: StageContext) => StageResult | Promise<StageResult>
  /** That it does nothing but leave out these top-level fields: documents need not be parsed for it. */
  readonly drops?: readonly string[]
  /** Told of what was dropped without it: how many documents had the field, and the members that it had in them, where they are counted. */
  readonly onDropped?: (collection: string, field: string, documents: number, members: number) => void
  /** Whether all it does is to make something of the document: it may come to the same one twice, and in a thread of its own. Default false. */
  readonly isPure?: boolean
  /**
   * The top-level fields that it looks into, takes away, adds or changes, `_id` beside them. It leaves every other field as it is, and among the others
   * where it is; of a document it makes one at most, and without a promise. Missing where it may look at all of them.
   */
  readonly fields?: readonly string[]
  /** Whether it may change the object that it is given, instead of answering with another one. Default true: nothing is known. */
  readonly changesInPlace?: boolean
  /** Each document passes as it came, whatever else is done with it: who compares ends leaves the stage out. */
  readonly passesAll?: true
  /** Whether what it gives holds values only, wherever what it was given did: nobody looks through it then. Default false: nothing is known. */
  readonly givesValues?: boolean
  /** Default `fail`. */
  readonly onError?: OnStageError
  /**
   * Missing: it remembers nothing, and the same document always gives the same. `lost`: it remembers something that a run can't be gone on
   * with; such a run is begun anew.
   */
  readonly state?: StageState | 'lost'
  /** Called once, before anything is made or written: throws what would stand in the stage's way. It makes nothing itself. */
  readonly check?: (run: CheckedRun) => void | Promise<void>
  /** Called once, before the first document. */
  readonly open?: (run: StageRun) => void | Promise<void>
  /** Whether it will let no further document of the collection pass, so that these need not be read. Asked between pages. */
  readonly isSated?: (collection: string) => boolean
  /** What a user should know in the end and would not see from the counts. */
  readonly notes?: () => readonly string[]
  /** Called once, last, also after an error. @param isDone whether the run has come to its end */
  readonly close?: (isDone: boolean) => void | Promise<void>
}

/** A Node Transform of documents as a step between reader and writer, made anew for each collection of each partition. */
export interface TransformStage extends AnyStage {
  readonly transform: (context: StageContext) => Duplex
  /**
   * Whether documents may leave it after the callback for the one that they were made of: it sorts, batches or sums up. A run that goes on
   * then repeats its partitions from their beginning. Default true: nothing is known.
   */
  readonly holdsBack?: boolean
}
