/** From what a pipeline says to what `migrate` is asked. */
import type { Endpoint } from '../open.ts'
import type { MigrateOptions } from '../options.ts'
import { mergedSources } from '../several/merge-sources.ts'
import type { Environment } from '../types.ts'
import type { Pipeline, PipelineOptions } from './pipeline.ts'

/**
 * Several sources, or one that is renamed or of which a part is wanted, are read as one; a single whole one stays what it is, so that it can be
 * asked for single documents too.
 */
export function sourceOf(pipeline: Pipeline, environment: Environment): Endpoint {
  const { sources } = pipeline
  if (!isMerged(pipeline)) return sources[0]!.address
  const parts = sources.map(({ name, address, collections, rename }) => ({
    name,
    endpoint: address,
    rename,
    ...(collections && { collections })
  }))
  return mergedSources(parts, environment)
}

/** Whether documents say which source they come from. */
export function isMerged({ sources }: Pick<Pipeline, 'sources'>): boolean {
  return sources.length > 1 || sources.some(({ collections, rename }) => collections !== undefined || Object.keys(rename).length > 0)
}

type Asked = Omit<PipelineOptions, 'verify'> & Pick<MigrateOptions, 'collections' | 'preset' | 'rename'>

/** What is left out is not said. */
export function askedOf({ collections, preset, options: { verify: _verify, ...options } }: Pipeline): Asked {
  const renamed = (collections ?? []).flatMap(({ name, as }) => (as === undefined || as === name ? [] : [[name, as] as const]))
  return {
    ...options,
    ...(collections && { collections: collections.map(({ name }) => name) }),
    ...(preset && { preset }),
    ...(renamed.length > 0 && { rename: Object.fromEntries(renamed) })
  }
}
