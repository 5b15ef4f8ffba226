/** Which of the source's collections a run takes, and what they are called in the target. */
import { presets } from '../config/presets.ts'
import type { PresetName } from '../config/presets.ts'
import { DocferryError } from '../errors.ts'
import { listNames } from '../report.ts'
import type { CollectionInfo, Source, Target } from '../types.ts'
import { checkAddresses } from './same-place.ts'

export interface ChooseOptions {
  readonly collections?: readonly string[]
  readonly preset?: PresetName
  readonly rename?: Readonly<Record<string, string>>
}

export interface ChosenCollection extends CollectionInfo {
  readonly target: string
}

export interface Choice {
  /** What was chosen, in the source's order; `null` where only reading tells what there is. */
  readonly collections: readonly ChosenCollection[] | null
  /** What the source also holds, its own system collections left out. */
  readonly notTaken: readonly string[]
  /** Of a preset, what the source does not hold. */
  readonly missing: readonly string[]
}

/**
 * Choose, and check every name against both ends before anything is written.
 *
 * @param held what the source holds; `null` where only reading tells
 * @throws {DocferryError} DOCFERRY_NO_SUCH_COLLECTION, DOCFERRY_COLLECTION_NAME, DOCFERRY_CONFIG, DOCFERRY_SAME_PLACE, DOCFERRY_FILE_MISSING
 */
export function chooseCollections(
  held: readonly CollectionInfo[] | null,
  ends: { readonly source: Source; readonly target: Target },
  options: ChooseOptions
): Choice {
  const { collections: named, preset, rename = {} } = options
  const wanted = named ?? (preset && presets[preset])
  const nameInTarget = (name: string): string => (Object.hasOwn(rename, name) ? (rename[name] as string) : name)
  if (held === null) {
    const known = wanted?.map(name => ({ name, target: nameInTarget(name) }))
    if (known) checkTargets(known, ends)
    return { collections: null, notTaken: [], missing: [] }
  }
  const visible = held.filter(({ system }) => !system)
  const names = new Set(held.map(({ name }) => name))
  const missing = wanted?.filter(name => !names.has(name)) ?? []
  if (named && missing.length > 0) throw noSuchCollection(missing, visible, ends.source)
  if (preset && !named && missing.length === wanted?.length) throw noSuchCollection(missing, visible, ends.source)
  const strangers = Object.keys(rename).filter(name => !names.has(name))
  if (strangers.length > 0) throw noSuchCollection(strangers, visible, ends.source)
  const asked = wanted && new Set(wanted)
  const taken = asked ? held.filter(({ name }) => asked.has(name)) : visible
  checkWhole(taken)
  const collections = taken.map(info => ({ ...info, target: nameInTarget(info.name) }))
  checkTargets(collections, ends)
  const isTaken = new Set(taken)
  const notTaken = visible.filter(info => !isTaken.has(info)).map(({ name }) => name)
  return { collections, notTaken, missing }
}

/** Say of a collection that comes up only while reading what it is called in the target, once that name is checked. */
export function targetNameOf(
  name: string,
  ends: { readonly source: Source; readonly target: Target },
  { rename = {} }: ChooseOptions
): string {
  const target = Object.hasOwn(rename, name) ? (rename[name] as string) : name
  checkTargets([{ name, target }], ends)
  return target
}

export function noSuchCollection(missing: readonly string[], held: readonly CollectionInfo[], source: Source): DocferryError {
  const there = held.length > 0 ? `it holds ${listNames(held.map(({ name }) => name))}` : 'it holds no collections'
  return new DocferryError(
    'DOCFERRY_NO_SUCH_COLLECTION',
    `${source.location.provider} (${source.location.address}) has no collection ${missing.join(', ')}; ${there}`,
    { provider: source.location.provider, collection: missing[0] }
  )
}

/** @throws {DocferryError} DOCFERRY_FILE_MISSING for a collection that can't be read */
export function checkWhole(wanted: readonly CollectionInfo[]): void {
  for (const { name: collection, lost } of wanted)
    if (lost !== undefined) throw new DocferryError('DOCFERRY_FILE_MISSING', lost, { collection })
}

function checkTargets(
  collections: readonly Pick<ChosenCollection, 'name' | 'target'>[],
  { source, target }: { readonly source: Source; readonly target: Target }
): void {
  const { provider } = target.location
  const refused = collections.flatMap(({ target: name }) => {
    const refusal = target.checkCollection(name)
    return refusal ? [name === '' ? refusal.message : `${name}: ${refusal.message}`] : []
  })
  if (refused.length > 0) {
    const example = collections.find(({ target: name }) => target.checkCollection(name))?.name
    // What has no name can't be named to be renamed either.
    const advice =
      example === ''
        ? 'Name it in the source, or leave it out: name the others with --collections'
        : `Give another with --rename ${example}=NEW, or leave it out with --collections`
    throw new DocferryError(
      'DOCFERRY_COLLECTION_NAME',
      `${provider} can't hold ${refused.length === 1 ? 'a collection' : 'collections'} of this name: ${refused.join('; ')}. ${advice}`,
      { provider, collection: example }
    )
  }
  const targets = collections.map(({ target: name }) => name)
  const seen = new Set<string>()
  const twice = targets.find(name => seen.size === seen.add(name).size)
  if (twice !== undefined) {
    throw new DocferryError('DOCFERRY_CONFIG', `two collections would both become ${twice} in the target; give each a name of its own`, {
      collection: twice
    })
  }
  checkAddresses(collections, { source, target })
}
