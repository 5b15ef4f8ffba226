/** What a pipeline file says, once it is read and checked. */
import type { PresetName } from '../config/presets.ts'
import type { MigrateOptions } from '../options.ts'
import type { Document, OnStageError } from '../types.ts'
import type { StageExport } from './define-stage.ts'

/** The options of a run that a file may set. Command-line flags win over them. */
export interface PipelineOptions extends Pick<
  MigrateOptions,
  | 'onConflict'
  | 'onIncompatible'
  | 'types'
  | 'undo'
  | 'includeDesign'
  | 'attachments'
  | 'includeSecurity'
  | 'keepMetadata'
  | 'subcollections'
  | 'parallel'
  | 'workers'
  | 'maxRate'
  | 'maxWriteUnits'
  | 'maxReadUnits'
  | 'maxRetries'
  | 'maxFailures'
  | 'stateDir'
> {
  /** Whether the target is compared with what was written, once that is done. */
  readonly verify?: boolean
}

/** One stage as it is written; `makeStages` makes it. */
export interface StageEntry {
  /** A built-in stage's name, `module`, or `function`. */
  readonly kind: string
  /** Missing: none. */
  readonly options: unknown
  /** Of a module: `./my-stage.ts#mask`. */
  readonly module?: string
  /** Of a function: what a pipeline in TypeScript or JavaScript holds itself. */
  readonly given?: StageExport
  /** By this it is counted and named in errors. */
  readonly name?: string
  readonly onError?: OnStageError
  /** Only for these. */
  readonly collections?: readonly string[]
  /** Only for documents of these. */
  readonly sources?: readonly string[]
  /** `pipelines/x.yaml:12:5`, or `pipelines/x.ts: stages[2]` */
  readonly place: string
}

export interface PipelineSource {
  /** Unique among the sources. */
  readonly name: string
  /** As on the command line. May hold a password. */
  readonly address: string
  /** Those taken. Default: all. */
  readonly collections?: readonly string[]
  /** Names here to names that everything behind knows them by. */
  readonly rename: Readonly<Record<string, string>>
  /** In front of the common ones, for documents of this source only. */
  readonly stages: readonly StageEntry[]
}

export interface PipelineTarget {
  /** Unique among the targets. */
  readonly name: string
  /** As on the command line. May hold a password. */
  readonly address: string
}

export interface PipelineCollection {
  readonly name: string
  /** What it is called in the target. */
  readonly as?: string
  /** Behind the common ones, for this one only. */
  readonly stages: readonly StageEntry[]
}

/** What must come out for documents that go in. */
export interface PipelineTest {
  readonly name: string
  readonly collection: string
  readonly source?: string
  readonly in: readonly Document[]
  readonly out: readonly Document[]
  /** A stage must fail: for some document, or for exactly these, by their ids as they come to it. Missing: none may. */
  readonly fails?: true | readonly string[]
  readonly place: string
}

export interface Pipeline {
  /** Absolute. */
  readonly path: string
  /** Of the file, absolute: paths in the options of stages, of modules and of secrets are relative to it. */
  readonly folder: string
  readonly description?: string
  readonly sources: readonly PipelineSource[]
  readonly targets: readonly PipelineTarget[]
  readonly collections?: readonly PipelineCollection[]
  readonly preset?: PresetName
  readonly stages: readonly StageEntry[]
  readonly options: PipelineOptions
  readonly tests: readonly PipelineTest[]
  /** To be masked in whatever is logged or shown: texts from files, of variables that look secret, passwords in addresses. */
  readonly secrets: readonly string[]
}
