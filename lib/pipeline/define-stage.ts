/**
 * Stages of a user's own. A module exports one of three things, and which it is never depends on a guess:
 *
 * - a function: it is the stage, called with each document; its options are `context.options`
 * - an object with a function `apply` (`Stage`) or `transform` (`TransformStage`): it is the stage
 * - what `defineStage` or `defineTransform` returned: it makes the stage, from the options, anew for each run
 */
import type { Duplex } from 'node:stream'
import type { JsonSchema, StageMaking } from '../stages/stage-spec.ts'
import type { Stage, StageContext, TransformStage } from '../types.ts'

/** Registered, so that what another copy of docferry has made is known too. */
const kind = Symbol.for('docferry.stage')

export interface StageDefinition<Options = unknown> {
  /** Default: the name of the export. */
  readonly name?: string
  /** JSON Schema (draft 2020-12) of the options, checked before `make` sees them. Default: the `schema` that the module exports. */
  readonly schema?: JsonSchema
  /** Called once for each run: what the stage remembers belongs in here. A function is a stage that remembers nothing. */
  make(options: Options, making: StageMaking): Stage | Stage['apply'] | Promise<Stage | Stage['apply']>
}

export interface TransformDefinition<Options = unknown> extends Pick<TransformStage, 'holdsBack' | 'mayRepeatIds'> {
  /** Default: the name of the export. */
  readonly name?: string
  /** As a stage's. */
  readonly schema?: JsonSchema
  /** Make a Node Transform of documents: called for each collection of each partition. */
  make(options: Options, context: StageContext): Duplex
}

// Interfaces, so that a module's declarations can name them.
export interface DefinedStage<Options = unknown> extends StageDefinition<Options> {
  readonly [kind]: 'stage'
}
export interface DefinedTransform<Options = unknown> extends TransformDefinition<Options> {
  readonly [kind]: 'transform'
}
export type StageFactory = DefinedStage<never>
export type TransformFactory = DefinedTransform<never>

/** What stands for a stage in a module, or in a pipeline written in TypeScript or JavaScript. */
export type StageExport = Stage['apply'] | Stage | TransformStage | StageFactory | TransformFactory

/**
 * A stage that is made from options: `export default defineStage({ make: ({ fields }) => document => ... })`.
 *
 * @typeParam Options as a pipeline gives them; `{}` where it gives none
 */
export function defineStage<Options = unknown>(definition: StageDefinition<Options>): DefinedStage<Options> {
  return { ...definition, [kind]: 'stage' }
}

/** A Node Transform of documents as a stage, made from options. */
export function defineTransform<Options = unknown>(definition: TransformDefinition<Options>): DefinedTransform<Options> {
  return { ...definition, [kind]: 'transform' }
}

export function isStageFactory(value: unknown): value is StageFactory {
  return isFactory(value, 'stage')
}

export function isTransformFactory(value: unknown): value is TransformFactory {
  return isFactory(value, 'transform')
}

function isFactory(value: unknown, wanted: string): boolean {
  const factory = value as { readonly [kind]?: unknown; readonly make?: unknown } | null
  return typeof value === 'object' && factory?.[kind] === wanted && typeof factory.make === 'function'
}

export function isStageObject(value: unknown): value is Stage {
  return typeof (value as Stage | null)?.apply === 'function' && typeof value === 'object'
}

export function isTransformObject(value: unknown): value is TransformStage {
  return typeof value === 'object' && typeof (value as TransformStage | null)?.transform === 'function'
}

/** Whether it is one of the things that stand for a stage, or would, were it not wrong in a way that `exportTrouble` tells. */
export function isStageExport(value: unknown): value is StageExport {
  return (
    (typeof value === 'function' && exportTrouble(value) === undefined) ||
    isStageFactory(value) ||
    isTransformFactory(value) ||
    isStageObject(value) ||
    isTransformObject(value)
  )
}

/** Why something is no stage, where that is a likely mistake. */
export function exportTrouble(value: unknown): string | undefined {
  if (typeof value === 'function')
    return /^class\b/.test(Function.prototype.toString.call(value))
      ? 'is a class; export a function, or defineStage({ make: options => new ... })'
      : undefined
  if (typeof (value as Duplex | null)?.pipe === 'function')
    return 'is a stream, which can be used only once; export defineTransform({ make: () => ... }), which makes it anew'
  if (isStageExport(value)) return undefined
  if (typeof (value as StageDefinition | null)?.make === 'function')
    return 'is an object with make: wrap it as defineStage({ ... }), or defineTransform({ ... })'
  return `is ${value === null ? 'null' : typeof value === 'object' ? 'an object without apply or transform' : `of type ${typeof value}`}; a function, a Stage, defineStage({ ... }) or defineTransform({ ... }) is wanted`
}
