/** From a pipeline's entries to the stages of one run. */
import { createHash } from 'node:crypto'
import { DocferryError } from '../errors.ts'
import { formatPath } from '../stages/field-path.ts'
import type { Environment, Stage, TransformStage } from '../types.ts'
import { Decimal, Double, stringifyJson } from '../values/index.ts'
import { makeEntry } from './make-entry.ts'
import { ModuleLoader } from './modules.ts'
import type { Pipeline, StageEntry } from './pipeline.ts'
import { placeStage } from './place-stage.ts'
import type { Restriction } from './place-stage.ts'

/** Those that a pipeline was checked with, so that its modules are not run twice. */
const loaders = new WeakMap<Pipeline, ModuleLoader>()

export function keepLoader(pipeline: Pipeline, modules: ModuleLoader): void {
  loaders.set(pipeline, modules)
}

/**
 * Make the stages of one target, in order: each source's, the common ones, each collection's. They remember nothing of another call, but for what a module
 * keeps itself.
 *
 * @param target its name. Default: the first one's
 * @throws {DocferryError} DOCFERRY_CONFIG, with every issue and its place
 */
export async function makeStages(
  pipeline: Pipeline,
  { environment, target = pipeline.targets[0]?.name }: { readonly environment: Environment; readonly target?: string | undefined }
): Promise<readonly (Stage | TransformStage)[]> {
  const { folder } = pipeline
  const modules = loaders.get(pipeline) ?? new ModuleLoader(folder, folder)
  const stages: (Stage | TransformStage)[] = []
  const issues: string[] = []
  for (const { entry, restriction } of entriesOf(pipeline)) {
    const made = await makeEntry(entry, { folder, environment, modules, ...(target !== undefined && { target }) })
    if ('issues' in made) issues.push(...made.issues.map(({ path, message }) => `${entry.place}: ${formatPath(path)}: ${message}`))
    else {
      const { name = made.stage.name, onError, place } = entry
      stages.push(placeStage(made.stage, { name, text: textOf(name, entry, restriction), place, onError, ...restriction }))
    }
  }
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', issues.join('\n'))
  return stages
}

interface Restricted {
  readonly entry: StageEntry
  readonly restriction: Restriction
}

function entriesOf({ sources, collections = [], stages }: Pipeline): Restricted[] {
  const all = sources.map(({ name }) => name)
  // Without another source no document says where it comes from.
  const only = (names: readonly string[] | undefined): readonly string[] | undefined =>
    names === undefined || all.every(name => names.includes(name)) ? undefined : names
  const restrict = (entry: StageEntry, more: Restriction = {}): Restricted => ({
    entry,
    restriction: { collections: more.collections ?? entry.collections, sources: only(more.sources ?? entry.sources) }
  })
  return [
    ...sources.flatMap(source => source.stages.map(entry => restrict(entry, { sources: [source.name] }))),
    ...stages.map(entry => restrict(entry)),
    ...collections.flatMap(collection => collection.stages.map(entry => restrict(entry, { collections: [collection.name] })))
  ]
}

/** By this a run that goes on knows the stage again. Options may be secrets: only their digest is kept. */
function textOf(name: string, { kind, module, options, onError }: StageEntry, { collections, sources }: Restriction): string {
  const text = canonicalText({ kind, module, name, options, onError, collections, sources })
  return `${name}#${createHash('sha256').update(text).digest('hex').slice(0, 12)}`
}

/** JSON with sorted keys; what JSON does not know stands as text. */
function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(typeof value === 'bigint' ? `${value}n` : value) ?? 'null'
  // Of these JSON knows one kind of number only.
  if (value instanceof Double || value instanceof Decimal) return stringifyJson(value)
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return JSON.stringify(value)
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  const sorted = fields.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([key, field]) => `${JSON.stringify(key)}:${canonicalText(field)}`).join(',')}}`
}
