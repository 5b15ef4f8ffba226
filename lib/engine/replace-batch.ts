/** Writes documents over those that a target holds, by compare-and-set: what is replaced is what was seen just before, and nothing else. */
import { DocferryError } from '../errors.ts'
import type { ChangeOutcome, Held, Target, WriteFailure, WriteOutcome } from '../types.ts'
import { digestsOf } from './digests.ts'
import { digestsOf as digestsOfHeld, sameDigests } from './held.ts'
import { hasAttachments } from '../values/index.ts'
import type { DocumentDigests } from '../values/index.ts'
import { withRetry } from './retry.ts'
import type { RetryOptions } from './retry.ts'
import type { Outgoing } from './outgoing.ts'
import type { SendPart } from './batch-job.ts'

/** A document that is about to be written, and what it will stand in place of, where there is something. */
export interface Replacing {
  readonly outgoing: Outgoing
  readonly seen?: Held
}

/** @param collection its name in the target @param id of a document that the target holds another of */
export type MayReplace = (collection: string, id: string) => boolean

export interface ReplaceOptions extends RetryOptions {
  /** Asked once for each document of which the target holds another. One that may not be replaced is skipped. Default: each may be. */
  readonly mayReplace?: MayReplace | undefined
  /** Called before anything is changed, and again where a document has meanwhile become another. What it throws ends the writing. */
  readonly keep?: (collection: string, replacing: readonly Replacing[]) => Promise<void>
  /** Missing: all are looked up first. */
  readonly unlooked?: Unlooked | undefined
}

/** The target can hardly hold any of the documents, and all are kept as new ones: each is looked up only once the target holds one of its id. */
export interface Unlooked {
  /** See `WriteOptions.fresh`; of the first try of each. */
  readonly fresh: boolean
  /** Told of documents that no try has written: the target held the equal, or what is left as it is. */
  readonly notMade: (documents: readonly Outgoing[]) => Promise<void>
}

/** What is kept to undo a run by holds documents, and no bytes beside them. */
const notKept: WriteFailure = {
  code: 'DOCFERRY_REFUSED',
  message: 'the target holds another document with attachments, which --undoable cannot keep: replace it without --undoable',
  retryable: false
}

/** So often somebody else may be quicker. */
const mostRounds = 10

/**
 * What `writeBatch` sends by in place of `Target.write`. What the target holds already counts as written.
 *
 * @param target with `look` and `change`
 */
export function replacing(target: Target, collection: string, { mayReplace, keep, unlooked, ...retry }: ReplaceOptions): SendPart {
  const granted = new Set<Outgoing>()
  /** What each was last kept in place of: nothing, or this. */
  const kept = new Map<Outgoing, DocumentDigests | undefined>()
  const sent = new SentDocuments()
  const may = (outgoing: Outgoing): boolean => {
    if (!mayReplace || granted.has(outgoing)) return true
    if (!mayReplace(collection, outgoing.encoded.id)) return false
    granted.add(outgoing)
    return true
  }

  async function look(part: readonly Outgoing[], signal: AbortSignal): Promise<Map<string, Held>> {
    if (part.length === 0) return new Map()
    const ids = part.map(({ encoded }) => encoded.id)
    const found = await withRetry(() => target.look!(collection, ids, { signal }), { ...retry, signal })
    return new Map(found.map(held => [held.document._id, held]))
  }

  /** Whether this has not been kept yet. */
  function isNews({ outgoing, seen }: Replacing): boolean {
    const before = seen && digestsOfHeld(target, seen.document)
    const last = kept.get(outgoing)
    if (before && last ? sameDigests(before, last) : kept.has(outgoing) && before === last) return false
    kept.set(outgoing, before)
    return true
  }

  function isEqual({ document }: Held, outgoing: Outgoing): boolean {
    return sameDigests(digestsOfHeld(target, document), digestsOf(target, collection, outgoing))
  }

  return async (part, signal) => {
    const outcomes = new Map<Outgoing, WriteOutcome>()
    let open = part
    for (let round = 1; open.length > 0; round++) {
      const first = new Set(unlooked ? open.filter(outgoing => !kept.has(outgoing)) : [])
      for (const outgoing of first) kept.set(outgoing, undefined)
      const held = await look(first.size === 0 ? open : open.filter(outgoing => !first.has(outgoing)), signal)
      const todo: Replacing[] = []
      const notMade: Outgoing[] = []
      for (const outgoing of open) {
        const seen = held.get(outgoing.encoded.id)
        if (seen && isEqual(seen, outgoing)) outcomes.set(outgoing, 'written')
        else if (seen && !may(outgoing)) outcomes.set(outgoing, 'skipped')
        else if (seen && keep && hasAttachments(seen.document)) outcomes.set(outgoing, notKept)
        else todo.push({ outgoing, ...(seen && { seen }) })
        if (outcomes.has(outgoing) && !sent.has(outgoing)) notMade.push(outgoing)
      }
      if (notMade.length > 0) await unlooked?.notMade(notMade)
      if (todo.length === 0) break
      const news = keep ? todo.filter(isNews) : []
      if (news.length > 0) await keep!(collection, news)
      const fresh = unlooked !== undefined && unlooked.fresh && first.size === open.length
      const results = await send(target, collection, todo, { fresh, sent, signal })
      for (const [outgoing, result] of results) outcomes.set(outgoing, result === 'changed' ? tooOften() : result)
      open = round < mostRounds ? todo.map(({ outgoing }) => outgoing).filter(outgoing => results.get(outgoing) === 'changed') : []
    }
    return part.map(outgoing => outcomes.get(outgoing)!)
  }
}

/** One round: `changed` where the target holds something else than what was seen. */
async function send(
  target: Target,
  collection: string,
  todo: readonly Replacing[],
  { fresh: isFresh, sent, signal }: { readonly fresh: boolean; readonly sent: SentDocuments; readonly signal: AbortSignal }
): Promise<Map<Outgoing, 'written' | 'changed' | WriteFailure>> {
  const held = todo.flatMap(({ outgoing, seen }) => (seen ? [{ outgoing, seen }] : []))
  const fresh = todo.flatMap(({ outgoing, seen }) => (seen ? [] : [outgoing]))
  const results = new Map<Outgoing, 'written' | 'changed' | WriteFailure>()
  if (held.length > 0) {
    const changes = held.map(({ outgoing, seen }) => ({ seen, put: outgoing.encoded }))
    sent.add(held.map(({ outgoing }) => outgoing))
    const changed = await target.change!(collection, changes, { signal })
    for (const [index, { outgoing }] of held.entries()) results.set(outgoing, ofChange(changed[index]))
  }
  if (fresh.length > 0) {
    const encoded = fresh.map(outgoing => outgoing.encoded)
    const settle = sent.add(fresh)
    const written = await target.write(collection, encoded, { onConflict: 'fail', fresh: isFresh, signal })
    settle(written)
    for (const [index, outgoing] of fresh.entries()) results.set(outgoing, ofWrite(written[index]))
  }
  return results
}

/** Documents that a call may have written. */
class SentDocuments {
  readonly #all = new Set<Outgoing>()

  has(outgoing: Outgoing): boolean {
    return this.#all.has(outgoing)
  }

  /** They are about to be sent. @returns what is to be told the outcomes: those that are surely not written are taken out, unless an earlier call may have */
  add(documents: readonly Outgoing[]): (outcomes: readonly WriteOutcome[]) => void {
    const isNews = documents.map(outgoing => !this.#all.has(outgoing))
    for (const outgoing of documents) this.#all.add(outgoing)
    return outcomes => {
      for (const [index, outgoing] of documents.entries()) if (isNews[index] && !mayBeWritten(outcomes[index]!)) this.#all.delete(outgoing)
    }
  }
}

function mayBeWritten(outcome: WriteOutcome): boolean {
  if (typeof outcome !== 'object') return outcome === 'written'
  return outcome.mayBeApplied === true || (outcome.retryable && outcome.code !== 'DOCFERRY_THROTTLED')
}

function ofChange(outcome: ChangeOutcome | undefined): 'written' | 'changed' | WriteFailure {
  if (outcome === undefined) throw new DocferryError('DOCFERRY_BUG', 'the connector answered for fewer documents than it was given')
  return outcome === 'done' ? 'written' : outcome
}

function ofWrite(outcome: WriteOutcome | undefined): 'written' | 'changed' | WriteFailure {
  if (outcome === undefined) throw new DocferryError('DOCFERRY_BUG', 'the connector answered for fewer documents than it was given')
  const isHeld = outcome === 'skipped' || (typeof outcome === 'object' && outcome.code === 'DOCFERRY_CONFLICT')
  return isHeld ? 'changed' : outcome
}

function tooOften(): WriteFailure {
  const message = `others have changed it ${mostRounds} times while it was to be replaced`
  return { code: 'DOCFERRY_CONFLICT', message, retryable: false }
}
