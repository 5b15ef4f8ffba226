/** A file's parts, read as far as they have their form, each with its path; from these the pipeline is made if nothing is wrong. */
import type { ProviderName } from '../types.ts'
import type { Findings } from './findings.ts'
import { readStages } from './read-stages.ts'
import type { PlacedEntry } from './read-stages.ts'
import { collectionSchema, sourceSchema, targetSchema } from './sections.ts'
import type { Path } from './tree.ts'

export interface DraftEnd {
  readonly path: Path
  readonly addressPath: Path
  /** As it is written, or made of the provider. */
  name: string
  readonly isNamed: boolean
  /** Missing where it is missing in the file, or not known. */
  readonly address?: string
  /** Known once the address is checked. */
  provider?: ProviderName
  /** The same for two spellings of one path. Known once the address is checked. */
  place?: string
}

export interface DraftSource extends DraftEnd {
  readonly collections?: readonly string[]
  readonly rename: Readonly<Record<string, string>>
  readonly stages: readonly PlacedEntry[]
}

export interface DraftCollection {
  readonly path: Path
  readonly name: string
  readonly as?: string
  readonly stages: readonly PlacedEntry[]
}

type Map = Readonly<Record<string, unknown>>

export function asMap(value: unknown): Map | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Map) : undefined
}

export function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

export function asTexts(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter(each => asText(each) !== undefined) : undefined
}

export function readSources(root: Map, findings: Findings, file: string): DraftSource[] {
  return endsOf(root, 'source', findings).map(({ value, path }) => {
    const map = asMap(value)
    if (map) findings.check(sourceSchema, map, path)
    const collections = asTexts(map?.['collections'])
    const rename = Object.entries(asMap(map?.['rename']) ?? {}).filter((pair): pair is [string, string] => asText(pair[1]) !== undefined)
    return {
      ...endOf(value, path, findings),
      ...(collections && { collections }),
      rename: Object.fromEntries(rename),
      stages: readStages(map?.['stages'], [...path, 'stages'], findings, file)
    }
  })
}

export function readTargets(root: Map, findings: Findings): DraftEnd[] {
  return endsOf(root, 'target', findings).map(({ value, path }) => {
    const map = asMap(value)
    if (map) findings.check(targetSchema, map, path)
    return endOf(value, path, findings)
  })
}

/** @returns undefined where there are none to choose, so that all are taken */
export function readCollections(root: Map, findings: Findings, file: string): DraftCollection[] | undefined {
  const value = root['collections']
  if (value === undefined || findings.isUnknown(['collections'])) return undefined
  if (!Array.isArray(value) || value.length === 0) {
    findings.add(['collections'], 'must be a list of names, with at least one; leave it out to take all')
    return undefined
  }
  return value.flatMap((item: unknown, index): DraftCollection[] => {
    const path = ['collections', index]
    if (typeof item === 'string' && item !== '') return findings.isUnknown(path) ? [] : [{ path, name: item, stages: [] }]
    const map = asMap(item)
    if (!map) {
      findings.add(path, 'must be a name, or a map such as { name: users, as: people }')
      return []
    }
    findings.check(collectionSchema, map, path)
    const name = asText(map['name'])
    const as = asText(map['as'])
    const stages = readStages(map['stages'], [...path, 'stages'], findings, file)
    return name === undefined || findings.isUnknown([...path, 'name']) ? [] : [{ path, name, ...(as !== undefined && { as }), stages }]
  })
}

/** What stands under `source` or `sources`; that there is exactly one of the two is checked. */
function endsOf(root: Map, one: 'source' | 'target', findings: Findings): { readonly value: unknown; readonly path: Path }[] {
  const several = `${one}s`
  const where = one === 'source' ? 'from where documents are read' : 'to where they are written'
  if (root[one] !== undefined && root[several] !== undefined)
    findings.add([several], `there is ${one} already: put it among ${several}`, 'key')
  if (root[one] === undefined && root[several] === undefined) {
    findings.add([one], `is missing: ${where}; write ${one}: with an address, or ${several}: with a list`)
    return []
  }
  const list = root[several]
  if (list !== undefined && !findings.isUnknown([several]) && (!Array.isArray(list) || list.length === 0))
    findings.add([several], `must be a list of addresses or maps, with at least one; a single one stands under ${one}`)
  const ends = (Array.isArray(list) ? list : []).map((value: unknown, index) => ({ value, path: [several, index] as Path }))
  const all = root[one] === undefined ? ends : [{ value: root[one], path: [one] as Path }, ...ends]
  return all.filter(({ value, path }) => {
    if (asMap(value) || asText(value) !== undefined) return true
    findings.add(path, Array.isArray(value) ? `must be one; write ${several}: for a list` : 'must be an address, or a map with one')
    return false
  })
}

function endOf(value: unknown, path: Path, findings: Findings): DraftEnd {
  const map = asMap(value)
  const name = asText(map?.['name'])
  const addressPath = map ? [...path, 'address'] : path
  const address = findings.isUnknown(addressPath) ? undefined : (asText(value) ?? asText(map?.['address']))
  return { path, addressPath, name: name ?? '', isNamed: name !== undefined, ...(address !== undefined && { address }) }
}
