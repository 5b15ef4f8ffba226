/**
 * Looks at named differences once more, one by one, on those ends that can be asked for a document: what was only being changed while the two
 * sides were read is no difference.
 */
import { createHash } from 'node:crypto'
import { applyStages } from '../engine/apply-stages.ts'
import { digestsOf, expectedOf } from '../engine/held.ts'
import type { Expected } from '../engine/held.ts'
import { sleep, withRetry } from '../engine/retry.ts'
import type { RetryOptions } from '../engine/retry.ts'
import { DocferryError } from '../errors.ts'
import type { Document, Stage, Target } from '../types.ts'
import { compareId } from './compare.ts'
import type { Verdict } from './compare.ts'
import { Copies } from './copies.ts'
import { isOfDocument } from './first-look.ts'
import type { Found } from './second-look.ts'
import type { Side } from './report.ts'
import type { SpooledDocument, SpooledId } from './spool.ts'

/** A document at one moment. */
interface Seen extends SpooledDocument {
  /** As it will be, or is, in the target. */
  readonly document: Document
  /** What tells this state of it from any other. */
  readonly version: string
}

/** An end that can be asked for documents by their ids. */
export interface LookingEnd {
  readonly end: Target
  /** Name of the collection in the target to the name here. */
  readonly nameOf: (collection: string) => string
  readonly stages: readonly Stage[]
  /** Whether a document that is not there is not there under any id: stages of a user's own may have made its id of another. */
  readonly knowsAbsent: boolean
}

/** `side`: the one that changed, where the other did not. */
interface Changing {
  readonly kind: 'changing'
  readonly side?: Side
}

/** What became of a difference. */
export interface Settled {
  /** As it was seen last. */
  readonly held: SpooledId
  readonly verdict: Verdict | Changing
  /** Of the last look, where there was one. */
  readonly documents?: { readonly source?: Document; readonly target?: Document } | undefined
}

export interface SettleOptions extends RetryOptions {
  /** The target, by which all is compared. */
  readonly target: Target
  readonly source?: LookingEnd | undefined
  readonly held?: LookingEnd | undefined
  /** Whether 1 and 1.0 are different in a collection of the target. */
  readonly kinds: (collection: string) => boolean
  /** How long to wait before the second round, and twice as long before the third. Default 1,000. */
  readonly waitMs?: number | undefined
}

const rounds = 3

/** So many differences of each collection are looked at again. */
export const mostSettled = 10_000

/** One difference under observation. */
interface Watched {
  readonly held: SpooledId
  readonly versions: { readonly source?: string; readonly target?: string }
  readonly documents?: Settled['documents']
  /** Which have changed so far. */
  readonly moved: readonly Side[]
}

/**
 * Gathers differences into batches, and looks at each batch.
 *
 * @param tell called for each difference that was added, once
 */
export class Settler {
  readonly #options: SettleOptions
  readonly #tell: (settled: Settled) => void
  readonly #gathering = new Map<string, Watched[]>()
  readonly #counts = new Map<string, number>()
  /** What was changed since it was read. */
  #moving: Watched[] = []
  /** Collections of which more differs than is looked at. */
  readonly tooMany = new Set<string>()

  constructor(options: SettleOptions, tell: (settled: Settled) => void) {
    this.#options = options
    this.#tell = tell
  }

  async add(found: Found): Promise<void> {
    const { collection } = found.held
    const count = (this.#counts.get(collection) ?? 0) + 1
    this.#counts.set(collection, count)
    const { source, held } = this.#options
    if ((!source && !held) || count > mostSettled) {
      if (source ?? held) this.tooMany.add(collection)
      return this.#tell({ held: found.held, verdict: found.verdict })
    }
    const batch = this.#gathering.get(collection) ?? []
    this.#gathering.set(collection, batch)
    batch.push({ held: found.held, versions: {}, moved: [] })
    if (batch.length >= this.#batchSize) await this.#lookAt(collection)
  }

  /** Look at the rest, and again at what goes on changing. */
  async finish(): Promise<void> {
    for (const collection of this.#gathering.keys()) await this.#lookAt(collection)
    const { waitMs = 1_000, signal } = this.#options
    for (let round = 2; round <= rounds && this.#moving.length > 0; round++) {
      await sleep(waitMs * (round - 1), signal)
      const again = this.#moving
      this.#moving = []
      for (const watched of again) {
        const { collection } = watched.held
        this.#gathering.set(collection, [...(this.#gathering.get(collection) ?? []), watched])
        if (this.#gathering.get(collection)!.length >= this.#batchSize) await this.#lookAt(collection)
      }
      for (const collection of this.#gathering.keys()) await this.#lookAt(collection)
    }
    for (const { held, documents, moved } of this.#moving.splice(0)) {
      const [side, other] = new Set(moved)
      this.#tell({ held, verdict: { kind: 'changing', ...(side && !other && { side }) }, documents })
    }
  }

  get #batchSize(): number {
    const { source, held } = this.#options
    return Math.min(source?.end.limits.batchCount ?? Infinity, held?.end.limits.batchCount ?? Infinity)
  }

  async #lookAt(collection: string): Promise<void> {
    const batch = this.#gathering.get(collection) ?? []
    this.#gathering.delete(collection)
    if (batch.length === 0) return
    const ids = batch.map(({ held }) => held.id)
    // In this order, a target that follows its source has caught up with what was seen there.
    const source = await this.#look('source', collection, ids)
    const target = await this.#look('target', collection, ids)
    for (const watched of batch) this.#judge(watched, source, target)
  }

  #judge(watched: Watched, sources: LookedAt | undefined, targets: LookedAt | undefined): void {
    const before = watched.held
    const { id, collection } = before
    const [source, target] = [sources?.(id), targets?.(id)]
    const now: SpooledId = { collection, id, source: copiesOf(source) ?? before.source, target: copiesOf(target) ?? before.target }
    const versions = { ...versionOf('source', source), ...versionOf('target', target) }
    const verdict = compareId(now)
    const documents = { ...documentOf('source', source), ...documentOf('target', target) }
    const sides = ['source', 'target'] as const
    const moved = sides.filter(side => !isUnchanged(before[side], now[side], watched.versions[side], versions[side]))
    if (verdict.kind === 'equal' || moved.length === 0) return this.#tell({ held: now, verdict, documents })
    this.#moving.push({ held: now, versions, documents, moved: [...watched.moved, ...moved] })
  }

  async #look(side: Side, collection: string, ids: readonly string[]): Promise<LookedAt | undefined> {
    const { target, kinds, ...options } = this.#options
    const looking = side === 'source' ? options.source : options.held
    if (!looking) return undefined
    const { end, nameOf, stages, knowsAbsent } = looking
    const name = nameOf(collection)
    const found = await withRetry(() => end.look!(name, ids, { signal: options.signal }), options)
    const states = new Map<string, Seen>()
    for (const { document, version } of found) {
      const { _id: id } = document
      const results: Document[] = []
      await applyStages(stages, document, { collection: name, signal: options.signal }, result => void results.push(result), {
        onFailed: () => undefined
      })
      const own = results.filter(result => result._id === id)
      const state = own.length === 1 ? stateOf(target, { collection, side, kinds: kinds(collection) }, own[0]!) : undefined
      if (state) states.set(id, { ...state, version: fingerprint(version) })
    }
    return id => states.get(id) ?? (knowsAbsent ? 'absent' : undefined)
  }
}

/** Undefined where that can't be told. */
type LookedAt = (id: string) => Seen | 'absent' | undefined

/** @returns undefined for what has no digest: it has been told of as unreadable */
function stateOf(
  target: Target,
  { collection, side, kinds: tellsKinds }: { readonly collection: string; readonly side: Side; readonly kinds: boolean },
  document: Document
): Omit<Seen, 'version'> | undefined {
  let expected: Expected
  try {
    expected = side === 'source' ? expectedOf(target, collection, document) : { document, digests: digestsOf(target, document) }
  } catch (error) {
    if (error instanceof DocferryError && isOfDocument(error)) return undefined
    throw error
  }
  const { values, kinds } = expected.digests
  const encoded = side === 'source' ? target.encode(collection, document) : undefined
  return {
    document: expected.document,
    values: Buffer.from(values).toString('base64'),
    ...(tellsKinds && kinds && { kinds: Buffer.from(kinds).toString('base64') }),
    ...(encoded && 'code' in encoded && { reason: `${encoded.code}: ${encoded.message}` })
  }
}

function copiesOf(state: Seen | 'absent' | undefined): Copies | undefined {
  return state === 'absent' ? new Copies() : state && new Copies(state)
}

function versionOf(side: Side, state: Seen | 'absent' | undefined): { readonly [side in Side]?: string } {
  return typeof state === 'object' ? { [side]: state.version } : {}
}

function documentOf(side: Side, state: Seen | 'absent' | undefined): { readonly [side in Side]?: Document } {
  return typeof state === 'object' ? { [side]: state.document } : {}
}

/** What was read first has no version, and only its contents tell. */
function isUnchanged(before: Copies, now: Copies, versionBefore: string | undefined, version: string | undefined): boolean {
  if (versionBefore !== undefined && version !== undefined && versionBefore !== version) return false
  return before.equals(now)
}

function fingerprint(version: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(version, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)))
    .digest('base64')
}
