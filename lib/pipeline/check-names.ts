/** Whether what a file says in one place fits what it says in another. */
import { presets } from '../config/presets.ts'
import type { PresetName } from '../config/presets.ts'
import { didYouMean } from '../config/suggest.ts'
import type { DraftCollection, DraftEnd, DraftSource } from './draft.ts'
import type { Findings } from './findings.ts'
import type { PipelineOptions } from './pipeline.ts'
import type { DraftTest } from './read-tests.ts'
import type { PlacedEntry } from './read-stages.ts'
import type { Path } from './tree.ts'

export interface Draft {
  readonly sources: readonly DraftSource[]
  readonly targets: readonly DraftEnd[]
  readonly collections: readonly DraftCollection[] | undefined
  readonly preset: PresetName | undefined
  readonly stages: readonly PlacedEntry[]
  readonly options: PipelineOptions
  readonly tests: readonly DraftTest[]
}

export function checkNames(draft: Draft, findings: Findings): void {
  const { sources, targets, collections, preset, stages, tests } = draft
  if (collections && preset !== undefined) findings.add(['preset'], 'there are collections already: leave one of the two out', 'key')
  for (const source of sources) checkRename(source, findings)
  checkTargets(targets, findings)
  const taken = takenFrom(sources)
  if (collections) checkCollections(collections, taken, findings)
  const known = collections?.map(({ name }) => name) ?? (preset === undefined ? taken : presets[preset])
  const names = { sources: sources.map(({ name }) => name), renamed: Object.assign({}, ...sources.map(({ rename }) => rename)) as Renamed }
  const check = (entries: readonly PlacedEntry[], fitting: readonly string[] | undefined, own = names.sources): void => {
    for (const { entry, path } of entries) {
      entry.collections?.forEach((name, index) => checkCollection(name, [...path, 'collections', index], fitting, names.renamed, findings))
      entry.sources?.forEach((name, index) => checkSource(name, [...path, 'sources', index], own, findings))
    }
  }
  for (const source of sources) check(source.stages, common(known, takenFrom([source])), [source.name])
  check(stages, known)
  for (const collection of collections ?? []) check(collection.stages, [collection.name])
  for (const { path, test } of tests) {
    const { collection, source } = test
    if (collection !== undefined) checkCollection(collection, [...path, 'collection'], known, names.renamed, findings)
    if (source !== undefined) checkSource(source, [...path, 'source'], names.sources, findings)
  }
  checkUnits(draft, findings)
}

type Renamed = Readonly<Record<string, string>>

/** By the names that everything behind the sources knows; undefined where a source gives all that it holds. */
export function takenFrom(sources: readonly DraftSource[]): readonly string[] | undefined {
  const lists = sources.map(({ collections, rename }) => collections?.map(name => nameBehind(name, rename)))
  return lists.length === 0 || lists.includes(undefined) ? undefined : [...new Set(lists.flat() as string[])]
}

function nameBehind(name: string, rename: Renamed): string {
  return Object.hasOwn(rename, name) ? rename[name]! : name
}

/** Undefined: all. */
export function common(a: readonly string[] | undefined, b: readonly string[] | undefined): readonly string[] | undefined {
  return a && b ? a.filter(name => b.includes(name)) : (a ?? b)
}

function checkRename({ path, collections, rename }: DraftSource, findings: Findings): void {
  for (const name of Object.keys(rename)) {
    if (collections && !collections.includes(name))
      findings.add([...path, 'rename', name], `${name} is not among the collections of this source${didYouMean(name, collections)}`, 'key')
  }
  const after = collections?.map(name => nameBehind(name, rename)) ?? Object.values(rename)
  const twice = Object.keys(rename).filter(name => after.indexOf(rename[name]!) !== after.lastIndexOf(rename[name]!))
  // The last of them, so that the first one stands.
  const last = twice.at(-1)
  if (last !== undefined)
    findings.add(
      [...path, 'rename', last],
      `two collections of this source would both be called ${rename[last]}; give each a name of its own`
    )
}

function checkTargets(targets: readonly DraftEnd[], findings: Findings): void {
  const seen = new Set<string>()
  for (const { address, place = address?.trim(), addressPath } of targets) {
    if (place === undefined) continue
    if (seen.has(place)) findings.add(addressPath, 'this is a target already: each document would be written there twice')
    seen.add(place)
  }
}

function checkCollections(collections: readonly DraftCollection[], taken: readonly string[] | undefined, findings: Findings): void {
  const names = new Set<string>()
  const inTarget = new Map<string, string>()
  for (const { path, name, as } of collections) {
    if (names.has(name)) findings.add(path, `${name} is named already: put all that is said of it in one place`)
    else if (taken && !taken.includes(name)) findings.add(path, `no source gives a collection ${name}${didYouMean(name, taken)}`)
    else {
      const other = inTarget.get(as ?? name)
      if (other !== undefined)
        findings.add(path, `${other} and ${name} would both become ${as ?? name} in the target; give each a name of its own`)
    }
    names.add(name)
    if (!inTarget.has(as ?? name)) inTarget.set(as ?? name, name)
  }
}

function checkCollection(name: string, path: Path, known: readonly string[] | undefined, renamed: Renamed, findings: Findings): void {
  if (!known || known.includes(name)) return
  const now = Object.hasOwn(renamed, name) ? renamed[name] : undefined
  const hint = now === undefined ? `${didYouMean(name, known)}; there are ${known.join(', ')}` : `: it is renamed, write ${now}`
  findings.add(path, known.length === 0 ? `there is no collection ${name} here` : `there is no collection ${name} here${hint}`)
}

function checkSource(name: string, path: Path, known: readonly string[], findings: Findings): void {
  if (known.includes(name)) return
  findings.add(path, `there is no source ${name} here${didYouMean(name, known)}; there are ${known.join(', ')}`)
}

/** Units are DynamoDB's. */
function checkUnits({ sources, targets, options }: Draft, findings: Findings): void {
  const has = (ends: readonly DraftEnd[]): boolean => ends.some(({ provider }) => provider === 'dynamodb' || provider === undefined)
  if (options.maxWriteUnits !== undefined && !has(targets))
    findings.add(
      ['options', 'maxWriteUnits'],
      'no target is DynamoDB, and others have no such units; maxRate bounds documents a second',
      'key'
    )
  if (options.maxReadUnits !== undefined && !has(sources))
    findings.add(['options', 'maxReadUnits'], 'no source is DynamoDB, and others have no such units', 'key')
}
