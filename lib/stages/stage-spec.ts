/** What a built-in stage is known by: config check, `--stage`, `docferry stages`, docs and JSON schema all come from this one place. */
import type { Document, Environment, Stage } from '../types.ts'

/**
 * JSON Schema, draft 2020-12, as far as options need it, without `$ref`, so that it can stand inside another; each property has a `description`. What
 * must not be kept (a key) is `writeOnly`.
 */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** What a stage does, shown; a spec runs each. */
export interface StageExample<Options> {
  readonly title?: string
  readonly options: Options
  /** Documents come in order, as of one collection. */
  readonly in: Document | readonly Document[]
  /** What comes out, in order: a document, several, or none. */
  readonly out: Document | readonly Document[]
}

/** What a stage may need to be made beside its options. */
export interface StageMaking {
  /** Paths in options are relative to this folder: that of the pipeline's file, or the working directory. */
  readonly folder: string
  readonly environment: Environment
  /** The name of the pipeline's target that the documents are for. Missing outside of a pipeline. */
  readonly target?: string
}

/**
 * @typeParam Options as a pipeline gives them, checked by `schema` before `make` sees them; only to find what else is wrong does a look at a
 * file hand it others, and takes no stage of it then
 */
export interface StageSpec<Options = unknown> {
  readonly name: string
  /** One line, beginning with a verb: `remove fields`. */
  readonly summary: string
  /** What a user should know beside the summary and the options: Markdown, a few sentences. */
  readonly description?: string
  readonly schema: JsonSchema
  readonly examples: readonly StageExample<Options>[]
  /** For `--stage name:argument`, where a short form is handy. Any stage can also be given as `name:{"option": ...}`. */
  readonly short?: {
    /** `strip:field,field` */
    readonly usage: string
    /** @throws {SyntaxError} saying what is wrong */
    readonly parse: (argument: string) => Options
  }
  /** @throws {DocferryError} DOCFERRY_CONFIG, for what the schema can't say: `fields[2]: ...` */
  make(options: Options, making: StageMaking): Stage | Promise<Stage>
}
