/** The files that stages write beside a run (`tap`): each may be written by one stage for one target. */
import { resolve } from 'node:path'
import { realPath } from '../engine/real-path.ts'
import { formatPath } from '../stages/field-path.ts'
import type { Draft } from './check-names.ts'
import { asMap, asText } from './draft.ts'
import type { Findings } from './findings.ts'
import type { PlacedEntry } from './read-stages.ts'
import type { Path } from './tree.ts'

interface Aside {
  readonly path: Path
  readonly stage: Path
  readonly file: string
  /** Missing: all. */
  readonly collections?: readonly string[] | undefined
}

/** @param folder of the pipeline's file */
export function checkAsides(draft: Draft, folder: string, findings: Findings): void {
  const { sources, targets } = draft
  const seen: Aside[] = []
  for (const aside of asidesOf(draft)) {
    const { path, file } = aside
    if (findings.holdsUnknown(path)) continue
    const other = seen.find(each => realPath(resolve(folder, each.file)) === realPath(resolve(folder, file)) && shareFile(each, aside))
    seen.push(aside)
    const names = targets.map(({ name }) =>
      realPath(
        resolve(
          folder,
          file.replaceAll('{target}', () => name)
        )
      )
    )
    if (targets.length > 1 && !file.includes('{target}'))
      findings.add(
        path,
        `each of the ${targets.length} targets has stages of its own, and they can't write one file: put {target} in its name, such as '${withTarget(file)}'`
      )
    else if (other) findings.add(path, `${formatPath(other.stage)} writes this file already: give it another name`)
    else if ([...sources, ...targets].some(({ place }) => place !== undefined && names.includes(place)))
      findings.add(path, 'is a file that documents are read from or written to already: give it another name')
  }
}

function asidesOf({ sources, stages, collections = [] }: Draft): Aside[] {
  return [
    ...sources.flatMap(source => source.stages.flatMap(placed => asideOf(placed, placed.entry.collections))),
    ...stages.flatMap(placed => asideOf(placed, placed.entry.collections)),
    ...collections.flatMap(({ name, stages: own }) => own.flatMap(placed => asideOf(placed, [name])))
  ]
}

function asideOf({ entry: { kind, options }, path }: PlacedEntry, collections: readonly string[] | undefined): Aside[] {
  const file = kind === 'tap' ? asText(asMap(options)?.['file']) : undefined
  return file === undefined ? [] : [{ path: [...path, kind, 'file'], stage: path, file, collections }]
}

/** With a name for each collection, stages of different ones have files of their own. */
function shareFile(a: Aside, b: Aside): boolean {
  return !a.file.includes('{collection}') || (a.collections?.some(name => b.collections?.includes(name) ?? true) ?? true)
}

/** `seen.ndjson` -> `seen-{target}.ndjson` */
function withTarget(file: string): string {
  return file.replace(/((?:\.[^./\\]+)*)$/, '-{target}$1')
}
