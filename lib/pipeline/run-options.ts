/** From what a pipeline says to what `migrate` is asked. */
import { createHash } from 'node:crypto'
import { hideCredentials, holdsSecret } from '../config/hide-credentials.ts'
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

/** Tells whether what is read is still what it was: of all that the sources say but their passwords, and their stages, of which the run keeps its own. */
export function sourcesDigest({ sources }: Pick<Pipeline, 'sources'>): string {
  const said = sources.map(({ name, address, collections, rename }) => [name, withoutSecrets(address), collections ?? null, rename])
  return createHash('sha256').update(JSON.stringify(said)).digest('hex').slice(0, 16)
}

function withoutSecrets(address: string): string {
  const hidden = hideCredentials(address)
  return holdsSecret(hidden) ? hidden.replace(/\?.*$/s, '') : hidden
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
