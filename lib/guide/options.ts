/** What a guide is asked for. */
import { presets } from '../config/presets.ts'
import type { PresetName } from '../config/presets.ts'
import type { OnIncompatible, Types } from '../types.ts'
import { quoted } from './ends.ts'

export interface GuideOptions {
  /** A provider's name or an address, as on the command line. A password in it is not repeated. */
  readonly source: string
  readonly target: string
  readonly collections?: readonly string[]
  readonly preset?: PresetName
  readonly rename?: Readonly<Record<string, string>>
  readonly types?: Types
  readonly onIncompatible?: OnIncompatible
  readonly includeDesign?: boolean
  readonly attachments?: boolean
  readonly includeSecurity?: boolean
  /** See `MigrateOptions.subcollections`. */
  readonly subcollections?: boolean | undefined
}

/** All that CouchDB keeps beside the documents: a backup of it is one without any of these only where nothing is lost with them. */
export const allOfCouchdb = ' --include-design --attachments --include-security'

/** What every command that compares or moves is given, with a space before it where there is anything. */
export function sharedFlags(options: GuideOptions): string {
  const { rename = {}, types, onIncompatible, includeDesign, attachments, includeSecurity, subcollections } = options
  const renames = Object.entries(rename).map(([from, to]) => `${escaped(from)}=${escaped(to)}`)
  return [
    collectionFlags(options),
    ...(renames.length > 0 ? [`--rename ${quoted(renames.join(','))}`] : []),
    ...(types && types !== 'natural' ? [`--types ${types}`] : []),
    ...(onIncompatible && onIncompatible !== 'dead-letter' ? [`--on-incompatible ${onIncompatible}`] : []),
    ...(includeDesign ? ['--include-design'] : []),
    ...(attachments ? ['--attachments'] : []),
    ...(includeSecurity ? ['--include-security'] : []),
    ...(subcollections === undefined ? [] : [subcollections ? '--subcollections' : '--no-subcollections'])
  ]
    .filter(flag => flag !== '')
    .map(flag => ` ${flag}`)
    .join('')
}

/** The same for the way back: from the target into the source. */
export function reverseFlags({ rename = {}, collections, preset, ...options }: GuideOptions): string {
  const back = Object.fromEntries(Object.entries(rename).map(([from, to]) => [to, from]))
  const names = collections ?? (preset && Object.keys(rename).length > 0 ? presets[preset] : undefined)
  const named = names ? { collections: names.map(name => rename[name] ?? name) } : preset ? { preset } : {}
  return sharedFlags({ ...options, ...named, rename: back })
}

/** @param inTarget by the names that the target gives them */
export function collectionFlags({ collections, preset, rename = {} }: GuideOptions, { inTarget = false } = {}): string {
  const isRenamed = inTarget && Object.keys(rename).length > 0
  const names = collections ?? (preset && isRenamed ? presets[preset] : undefined)
  if (names) return `--collections ${quoted(names.map(name => escaped(isRenamed ? (rename[name] ?? name) : name)).join(','))}`
  return preset ? `--preset ${preset}` : ''
}

/** The names in the target, as far as they are known. */
export function namesInTarget({ collections, preset, rename = {} }: GuideOptions): string[] {
  return (collections ?? (preset ? presets[preset] : [])).map(name => rename[name] ?? name)
}

function escaped(name: string): string {
  return name.replaceAll(',', '\\,')
}
