/** A pipeline as TypeScript or JavaScript writes it: the form of the YAML file, and stages that are functions. */
import type { PresetName } from '../config/presets.ts'
import type { Environment, OnStageError } from '../types.ts'
import type { StageExport } from './define-stage.ts'
import type { PipelineOptions } from './pipeline.ts'

interface StageKeys {
  readonly name?: string
  readonly onError?: OnStageError
  readonly collections?: readonly string[]
  readonly sources?: readonly string[]
}

/** A stage: itself, with keys beside it, a module's, or a built-in one's name and options (`{ strip: ['a'] }`). */
export type StageInFile =
  | StageExport
  | (StageKeys & { readonly function: StageExport; readonly options?: unknown })
  | (StageKeys & { readonly module: string; readonly options?: unknown })
  | (StageKeys & { readonly [stage: string]: unknown })

export type SourceInFile =
  | string
  | {
      readonly address: string
      readonly name?: string
      readonly collections?: readonly string[]
      readonly rename?: Readonly<Record<string, string>>
      readonly stages?: readonly StageInFile[]
    }

export type TargetInFile = string | { readonly address: string; readonly name?: string }

export interface PipelineFile {
  readonly description?: string
  /** This or `sources`. */
  readonly source?: SourceInFile
  readonly sources?: readonly SourceInFile[]
  /** This or `targets`. */
  readonly target?: TargetInFile
  readonly targets?: readonly TargetInFile[]
  readonly collections?: readonly (string | { readonly name: string; readonly as?: string; readonly stages?: readonly StageInFile[] })[]
  readonly preset?: PresetName
  readonly stages?: readonly StageInFile[]
  readonly options?: Omit<PipelineOptions, 'maxFailures' | Rate> & { readonly maxFailures?: number | `${number}%` } & {
    readonly [Name in Rate]?: number | `${number}/s`
  }
  readonly tests?: readonly {
    readonly name?: string
    readonly collection?: string
    readonly source?: string
    readonly in: unknown
    readonly out: unknown
    readonly fails?: true | string | readonly string[]
  }[]
}

type PipelineOf = PipelineFile | ((environment: Environment) => PipelineFile | Promise<PipelineFile>)

/** Nothing but the types: `export default definePipeline({ source, target, stages })`. */
export function definePipeline<Given extends PipelineOf>(pipeline: Given): Given {
  return pipeline
}

type Rate = 'maxRate' | 'maxWriteUnits' | 'maxReadUnits'
