/** The files that stages write beside a run (`tap`): each may be written by one stage for one target, and none that is read. */
import { basename, resolve } from 'node:path'
import { presets } from '../config/presets.ts'
import { realPath } from '../engine/real-path.ts'
import { formatPath } from '../stages/field-path.ts'
import { collectionPlaceholder, fillIn, targetPlaceholder } from '../stages/tap/file-name.ts'
import { isAt, isSameFile } from '../stages/tap/file-place.ts'
import { common, takenFrom } from './check-names.ts'
import type { Draft } from './check-names.ts'
import { asMap, asText } from './draft.ts'
import type { DraftSource } from './draft.ts'
import type { Findings } from './findings.ts'
import type { PlacedEntry } from './read-stages.ts'
import type { Path } from './tree.ts'

interface Aside {
  readonly path: Path
  readonly stage: Path
  readonly file: string
  /** Whether what stands there is never touched. */
  readonly refuses: boolean
  /** Whose documents it gets. */
  readonly sources: readonly string[]
  /** What may come to it. Missing: only reading tells. */
  readonly collections?: readonly string[] | undefined
  /** Whether its sources say themselves what they give. */
  readonly isKnown: boolean
}

export interface AsideSurroundings {
  /** Of the pipeline's file. */
  readonly folder: string
  /** What the pipeline is read from. */
  readonly files: readonly string[]
}

export function checkAsides(draft: Draft, { folder, files }: AsideSurroundings, findings: Findings): void {
  const { sources, targets } = draft
  const ends = [...sources, ...targets].flatMap(({ place }) => (place === undefined ? [] : [place]))
  const read = files.map(realPath)
  const seen: Aside[] = []
  for (const aside of asidesOf(draft)) {
    const { path, file } = aside
    if (findings.holdsUnknown(path)) continue
    const other = seen.find(each => isSameFile(resolve(folder, each.file), resolve(folder, file)) && shareFile(each, aside))
    seen.push(aside)
    const paths = targets.flatMap(({ name }) => pathsOf(aside, folder, name))
    if (targets.length > 1 && !file.includes(targetPlaceholder))
      findings.add(
        path,
        `each of the ${targets.length} targets has stages of its own, and they can't write one file: put {target} in its name, such as '${withTarget(file)}'`
      )
    else if (other) findings.add(path, `${formatPath(other.stage)} writes this file already: give it another name`)
    else if (paths.some(each => ends.some(end => isAt(each, end))))
      findings.add(path, 'is a file that documents are read from or written to already, or lies in such a folder: give it another name')
    else {
      const taken = read.find(each => paths.some(written => isAt(written, each) || (!aside.refuses && mayBecome(written, each))))
      if (taken !== undefined) findings.add(path, `leads to ${basename(taken)}, which this pipeline is read from: give it another name`)
    }
  }
}

function asidesOf(draft: Draft): Aside[] {
  const { sources, stages, collections, preset } = draft
  const chosen = collections?.map(({ name }) => name) ?? (preset && presets[preset])
  const asideOf = ({ entry, path }: PlacedEntry, from: readonly DraftSource[], only: readonly string[] | undefined): Aside[] => {
    const options = entry.kind === 'tap' ? asMap(entry.options) : undefined
    const file = asText(options?.['file'])
    if (file === undefined) return []
    const given = from.filter(({ name }) => entry.sources?.includes(name) ?? true)
    const taken = takenFrom(given)
    return [
      {
        path: [...path, 'tap', 'file'],
        stage: path,
        file,
        refuses: (options?.['existing'] ?? 'refuse') === 'refuse',
        sources: given.map(({ name }) => name),
        collections: common(common(chosen, taken), only ?? entry.collections),
        isKnown: taken !== undefined
      }
    ]
  }
  return [
    ...sources.flatMap(source => source.stages.flatMap(placed => asideOf(placed, [source], undefined))),
    ...stages.flatMap(placed => asideOf(placed, sources, undefined)),
    ...(collections ?? []).flatMap(({ name, stages: own }) => own.flatMap(placed => asideOf(placed, sources, [name])))
  ]
}

/** Each collection's, as far as they are known; otherwise with its placeholder. */
function pathsOf({ file, collections }: Aside, folder: string, target: string): readonly string[] {
  const path = resolve(folder, fillIn(file, targetPlaceholder, target))
  if (!path.includes(collectionPlaceholder) || !collections) return [path]
  return collections.map(name => fillIn(path, collectionPlaceholder, name))
}

/**
 * With a name for each collection, stages of different ones have files of their own. What different sources give may differ: where only reading tells,
 * nothing is said before.
 */
function shareFile(a: Aside, b: Aside): boolean {
  if (!a.file.includes(collectionPlaceholder)) return true
  if (!a.sources.some(name => b.sources.includes(name)) && !(a.isKnown && b.isKnown)) return false
  return common(a.collections, b.collections)?.length !== 0
}

/** Whether a path with a placeholder is that of a file once some collection's name stands in it. */
function mayBecome(path: string, file: string): boolean {
  const parts = realPath(path).split(collectionPlaceholder)
  if (parts.length === 1) return false
  const escaped = parts.map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${escaped.join('[^/\\\\]*')}$`, 's').test(file)
}

/** `seen.ndjson` -> `seen-{target}.ndjson` */
function withTarget(file: string): string {
  return file.replace(/((?:\.[^./\\]+)*)$/, `-${targetPlaceholder}$1`)
}
