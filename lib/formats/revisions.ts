/** Which of several revisions of a document is the one that CouchDB shows. */
import { isMap } from '../values/index.ts'
import type { Value, ValueMap } from '../values/index.ts'

/**
 * What is not the winning revision among documents of which several may be leaves of one tree: by CouchDB's own rule, one that is not deleted
 * before one that is, then the longer history, then the greater hash.
 *
 * @returns by index: `conflict` for a revision that would be lost, `gone` for one that says nothing (deleted, or there twice)
 */
export function losersOf(elements: readonly Value[]): ReadonlyMap<number, 'conflict' | 'gone'> {
  const winners = new Map<string, number>()
  const losers = new Map<number, 'conflict' | 'gone'>()
  for (const [index, element] of elements.entries()) {
    if (!isMap(element) || typeof element['_id'] !== 'string' || typeof element['_rev'] !== 'string') continue
    const before = winners.get(element['_id'])
    if (before === undefined) {
      winners.set(element['_id'], index)
      continue
    }
    const [winner, loser] = winsOver(revisionOf(element), revisionOf(elements[before] as ValueMap)) ? [index, before] : [before, index]
    winners.set(element['_id'], winner)
    const lost = elements[loser] as ValueMap
    const isGone = lost['_deleted'] === true || lost['_rev'] === (elements[winner] as ValueMap)['_rev']
    losers.set(loser, isGone ? 'gone' : 'conflict')
  }
  return losers
}

interface Revision {
  /** `2-abc` */
  readonly rev: string
  readonly isDeleted: boolean
}

function revisionOf(document: ValueMap): Revision {
  return { rev: document['_rev'] as string, isDeleted: document['_deleted'] === true }
}

/** Whether CouchDB shows a leaf rather than another of the same tree. */
export function winsOver(a: Revision, b: Revision): boolean {
  if (a.isDeleted !== b.isDeleted) return !a.isDeleted
  const [generation, hash] = partsOf(a.rev)
  const [otherGeneration, otherHash] = partsOf(b.rev)
  return generation === otherGeneration ? hash > otherHash : generation > otherGeneration
}

/** Of `2-abc`. */
export function partsOf(revision: string): readonly [generation: number, hash: string] {
  const dash = revision.indexOf('-')
  return [Number(revision.slice(0, dash)), revision.slice(dash + 1)]
}
