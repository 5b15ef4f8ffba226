/** What a run is asked to do. */
import type { PresetName } from './config/presets.ts'
import type { DeadLetter } from './engine/dead-letter.ts'
import type { MayReplace } from './engine/replace-batch.ts'
import type { RetryOptions } from './engine/retry.ts'
import type { Endpoint } from './open.ts'
import type { Bounds } from './plan/bounds.ts'
import type { PipelineOrigin, Plan } from './plan/plan.ts'
import type { TargetsApart } from './plan/same-place.ts'
import type { RunReport } from './report.ts'
import type { Environment, Logger, OnConflict, OnIncompatible, StageLike, Types, UndoMode } from './types.ts'

/** A document that would fail, without its contents. */
export type RefusedDocument = Omit<DeadLetter, 'document' | 'raw' | 'rawBase64' | 'cause'>

export interface MigrateOptions extends Bounds {
  readonly source: Endpoint
  readonly target: Endpoint
  /** Names of the collections to take. Default: all that the source holds, the database's own left out. */
  readonly collections?: readonly string[]
  /** A named set of collections, of which those are taken that the source holds. `collections` wins over it. */
  readonly preset?: PresetName
  /** Collections that get another name in the target. */
  readonly rename?: Readonly<Record<string, string>>
  /** Default `skip`: what the target holds stays as it is. */
  readonly onConflict?: OnConflict
  /** How values are written for which the target has no exact type. Default `natural`. */
  readonly types?: Types
  /** What happens to documents that the target can't hold as they are. Default `dead-letter`. */
  readonly onIncompatible?: OnIncompatible
  /** What is kept for `undo`, where the target is a database. Default `created`. A run that goes on keeps what it kept. */
  readonly undo?: UndoMode
  /** Of a run that overwrites, into a database or memory: asked for each document of which the target holds another. Default: each is replaced. */
  readonly mayReplace?: MayReplace
  /** Take design documents too: those whose id begins with `_design/`. */
  readonly includeDesign?: boolean
  /** Move the attachments of CouchDB's documents too, to another CouchDB or beside an export; each is read once more for its digest. */
  readonly attachments?: boolean
  /** Move CouchDB's `_security` object of each database too. */
  readonly includeSecurity?: boolean
  /** Keep `_rev`, `_attachments` and CouchDB's other own fields as ordinary ones. */
  readonly keepMetadata?: boolean
  /**
   * Whether documents in Firestore's subcollections are moved: read, with their path as id (`x/runs/y`), and written where the path says. Default:
   * they are read, and written where the source is Firestore or an export of it. The parameter of an address wins for its end.
   */
  readonly subcollections?: boolean
  /** Applied in order, behind the built-in ones. */
  readonly stages?: readonly StageLike[]
  /** The pipeline that the first of the stages come from: a run that goes on makes them again from its file. */
  readonly pipeline?: PipelineOrigin
  /** Kept with the run, so that whoever goes on with it verifies it when it has come to its end, as `docferry resume` does. `migrate` itself verifies nothing. */
  readonly toVerify?: boolean
  /** Read and transform everything, write nothing, and report what a run would do. */
  readonly dryRun?: boolean
  /** Of a dry run: look at about this share of the documents only, over 0 and up to 1. */
  readonly sample?: number
  /** Of a dry run: called for each document that would fail. */
  readonly onRefused?: (refused: RefusedDocument) => void | Promise<void>
  /** Refuse to run with other options, from or to another place, or with other collections than this plan's. */
  readonly plan?: Plan
  /** Go on with this run, which was killed, interrupted or failed; one that has come to its end is refused. All else must be as it was asked when it began. */
  readonly resume?: string
  /** Partitions at once. Default 4. */
  readonly parallel?: number
  /**
   * Threads between files of lines. Default `auto`: none for the first 32 MB, then one for each core, at most 4; where no stage looks into documents
   * one less, for the main one takes part, after 16 MB. Only pure stages run in them that a text or a pipeline names.
   */
  readonly workers?: number | 'auto'
  /** Where runs keep their folders. Default `.docferry`. */
  readonly stateDir?: string
  /** What bare provider names are configured by. Default: nothing; docferry's CLI passes the process's own. */
  readonly environment?: Environment
  /** Aborting it stops the reading; what is in flight is finished, then the run rejects with DOCFERRY_INTERRUPTED. */
  readonly signal?: AbortSignal
  readonly logger?: Logger
  /** Takes known secrets out of the texts of the run's own log, besides the credentials in addresses, which are always taken out. */
  readonly mask?: (text: string) => string
  /** Called once, before anything is changed, when both ends and the collections are known. The report is then kept up to date in place. */
  readonly observe?: (report: Readonly<RunReport>) => void
  /** Called once the run can be gone on with, before anything is written. What it throws ends the run. Not called for a dry run. */
  readonly onBegun?: (report: Readonly<RunReport>) => void
  /** Shared by runs that are begun together: none of them writes to a collection of another's. */
  readonly apart?: TargetsApart
  /** How often a checkpoint is written. Default 1,000. */
  readonly checkpointMs?: number
  /** How documents and calls are tried again. */
  readonly retry?: Pick<RetryOptions, 'attempts' | 'baseMs' | 'capMs'>
}
