/** From an entry to a stage, without what its place in the pipeline adds. */
import { DocferryError } from '../errors.ts'
import { formatPath } from '../stages/field-path.ts'
import { checkAgainstForeign } from '../stages/check-schema.ts'
import { checkStageOptions, makeOf } from '../stages/make-stage.ts'
import type { JsonSchema } from '../stages/stage-spec.ts'
import { loadStageSpec } from '../registry.ts'
import type { Environment, Stage, TransformStage } from '../types.ts'
import { exportTrouble, isStageFactory, isStageObject, isTransformFactory, isTransformObject } from './define-stage.ts'
import type { StageExport } from './define-stage.ts'
import { messageOf } from './findings.ts'
import { exportOf } from './modules.ts'
import type { ModuleLoader } from './modules.ts'
import type { StageEntry } from './pipeline.ts'
import { derived, withOptions } from './place-stage.ts'
import type { Path } from './tree.ts'

export interface EntryMaking {
  readonly folder: string
  readonly environment: Environment
  readonly modules: ModuleLoader
  /** The name of the target that the stage is for. */
  readonly target?: string
}

/** Something wrong with an entry. */
export interface EntryIssue {
  /** In the entry: `['strip', 0]`. */
  readonly path: Path
  readonly message: string
  readonly at?: 'key'
}

export type Made = { readonly stage: Stage | TransformStage } | { readonly issues: readonly EntryIssue[] }

/** @param only whether options are just checked, for they are not wholly known: no stage comes of it */
export async function makeEntry(entry: StageEntry, making: EntryMaking, only?: 'check'): Promise<Made> {
  const made = await makeAny(entry, making, only)
  if (!('stage' in made) || !('transform' in made.stage) || entry.onError === undefined) return made
  const message = 'is not possible for a Node Transform: a stream that has failed can not go on'
  return { issues: [{ path: ['onError'], message, at: 'key' }] }
}

async function makeAny(entry: StageEntry, making: EntryMaking, only?: 'check'): Promise<Made> {
  const { kind, module, given, options } = entry
  if (given !== undefined) return await makeExport(given, { entry, making, holder: kind, title: 'function' }, only)
  if (module === undefined) return await makeBuiltIn(kind, options, making, only)
  const hash = module.lastIndexOf('#')
  const [path, name] = hash < 0 ? [module, undefined] : [module.slice(0, hash), module.slice(hash + 1)]
  try {
    const exports = await making.modules.load(path)
    const exported = exportOf(exports, path, name || undefined)
    const trouble = exportTrouble(exported)
    if (trouble !== undefined) return { issues: [{ path: ['module'], message: `${module} ${trouble}` }] }
    const schema = exports['schema'] === exported ? undefined : (exports['schema'] as JsonSchema | undefined)
    return await makeExport(exported as StageExport, { entry, making, holder: 'module', title: module, schema }, only)
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    return { issues: [{ path: ['module'], message: error.message }] }
  }
}

async function makeBuiltIn(kind: string, options: unknown, { folder, environment, target }: EntryMaking, only?: 'check'): Promise<Made> {
  const spec = await loadStageSpec(kind)
  const issues = checkStageOptions(spec, options).map((issue): EntryIssue => ({ ...issue, path: [kind, ...issue.path] }))
  if (only) return { issues }
  try {
    const stage = await makeOf(spec, options, { folder, environment, ...(target !== undefined && { target }) })
    return issues.length > 0 ? { issues } : { stage }
  } catch (error) {
    const message = messageOf(error).replace(/^stage /, '')
    const found = issueIn(options, [kind], message.startsWith(`${kind}: `) ? message.slice(kind.length + 2) : message)
    if (issues.length === 0) return { issues: [found] }
    return { issues: error instanceof DocferryError && isApart(found, issues) ? [...issues, found] : issues }
  }
}

/** Whether it is at a place of its own. What is told of the whole may only follow from a part that is wrong already. */
function isApart({ path }: EntryIssue, others: readonly EntryIssue[]): boolean {
  const leadsTo = (from: Path, to: Path): boolean => from.every((step, index) => step === to[index])
  return path.length > 1 && !others.some(other => leadsTo(other.path, path) || leadsTo(path, other.path))
}

interface ExportMaking {
  readonly entry: StageEntry
  readonly making: EntryMaking
  /** The key under which it stands. */
  readonly holder: string
  /** For messages, and for a stage that has no name. */
  readonly title: string
  readonly schema?: JsonSchema | undefined
}

async function makeExport(exported: StageExport, { entry, making, holder, title, schema }: ExportMaking, only?: 'check'): Promise<Made> {
  const options = entry.options ?? {}
  const isMade = isStageFactory(exported) || isTransformFactory(exported)
  const issues = checkOptions(isMade ? (exported.schema ?? schema) : schema, options, holder, title)
  if (issues.length > 0) return { issues }
  if (only) return { issues: [] }
  if (isTransformFactory(exported)) {
    const { name = title, holdsBack, mayRepeatIds } = exported
    const make = (context: Parameters<TransformStage['transform']>[0]): ReturnType<TransformStage['transform']> =>
      exported.make(options as never, context)
    return { stage: { name, holdsBack, mayRepeatIds, transform: make } }
  }
  if (isTransformObject(exported)) return { stage: withOptions(exported.name ? exported : { ...exported, name: title }, options) }
  if (!isStageFactory(exported)) return { stage: withOptions(asStage(exported, title), options) }
  try {
    const made: unknown = await exported.make(options as never, {
      folder: making.folder,
      environment: making.environment,
      ...(making.target !== undefined && { target: making.target })
    })
    if (typeof made !== 'function' && !isStageObject(made))
      return { issues: [{ path: [holder], message: `${title}: make returned no stage: a function, or an object with apply, is wanted` }] }
    const stage = asStage(made as Stage | Stage['apply'], title)
    return { stage: withOptions(exported.name === undefined ? stage : derived(stage, { name: exported.name }), options) }
  } catch (error) {
    const path = entry.options === undefined ? [holder] : ['options']
    return { issues: [issueIn(entry.options, path, `${title}: ${messageOf(error)}`)] }
  }
}

function checkOptions(schema: JsonSchema | undefined, options: unknown, holder: string, title: string): EntryIssue[] {
  if (schema === undefined) return []
  try {
    return checkAgainstForeign(schema, options).map(issue => ({ ...issue, path: ['options', ...issue.path] }))
  } catch (error) {
    return [{ path: [holder], message: `${title}: the schema of its options is none: ${messageOf(error)}` }]
  }
}

/** A default export that has no name is called `default` by the language, and `_default` by what translates it. */
function asStage(stage: Stage | Stage['apply'], title: string): Stage {
  if (typeof stage === 'function') return { name: /^(?:_?default)?$/.test(stage.name) ? title : stage.name, apply: stage }
  return stage.name ? stage : derived(stage, { name: title })
}

/** A message may begin with where in the options: `fields[2]: ...`. */
function issueIn(options: unknown, path: Path, message: string): EntryIssue {
  const [, place, rest = ''] = /^([\w$"*.[\]-]+): (.*)$/s.exec(message) ?? []
  const inside = place === undefined ? undefined : pathIn(options, place)
  return inside ? { path: [...path, ...inside], message: rest } : { path, message }
}

/** A key may be a path itself (`fields.a.b` in `{ fields: { a.b: 1 } }`), so that what is there tells where each step ends. */
function pathIn(options: unknown, place: string): Path | undefined {
  if (place === '') return []
  if (typeof options !== 'object' || options === null) return undefined
  const isList = Array.isArray(options)
  for (const [key, value] of Object.entries(options)) {
    const step = isList ? Number(key) : key
    for (const text of isList ? [`[${key}]`] : [key, formatPath([key])]) {
      const rest = place.startsWith(text) ? place.slice(text.length) : undefined
      if (rest === undefined || !/^(?:$|[.[])/.test(rest)) continue
      const inside = pathIn(value, rest.replace(/^\./, ''))
      if (inside) return [step, ...inside]
    }
  }
  return undefined
}
