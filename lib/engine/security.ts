/** CouchDB's `_security` objects on their way: read and checked before anything is written, and applied where nobody's own are lost. */
import { DocferryError } from '../errors.ts'
import type { Json, OnConflict, SecurityObject, Source, Target } from '../types.ts'
import { withRetry } from './retry.ts'
import type { RetryOptions } from './retry.ts'

/** What was put in a collection's place of another, so that it can be put back. */
export interface PutSecurity {
  /** The collection's name in the target. */
  readonly collection: string
  readonly before: SecurityObject
  readonly after: SecurityObject
}

export interface SecurityCopyOptions {
  readonly source: Source
  readonly target: Target
  readonly onConflict: OnConflict
  readonly dryRun: boolean
  readonly retry: RetryOptions
  /** What a user should know in the end. */
  readonly notes: string[]
  /** Called before anything is put, with all that was and will be put. */
  readonly keep: (put: readonly PutSecurity[]) => Promise<void>
}

interface Pair {
  readonly source: string
  readonly target: string
  readonly created: boolean
}

export class SecurityCopy {
  readonly #options: SecurityCopyOptions
  readonly #found = new Map<string, SecurityObject>()

  /** @throws {DocferryError} DOCFERRY_CONFIG where one of the ends knows no such object */
  constructor(options: SecurityCopyOptions) {
    this.#options = options
    const { source, target } = options
    const refuse = (what: string): DocferryError =>
      new DocferryError('DOCFERRY_CONFIG', `${what} no _security objects, which are CouchDB's: leave --include-security away`)
    if (!source.security) throw refuse(`the source (${source.location.provider}) has`)
    if (!target.security)
      throw refuse(
        `the target (${target.location.provider === 'file' ? `${target.location.address}, documents alone` : target.location.provider}) holds`
      )
  }

  /** Before anything is changed. @throws {DocferryError} DOCFERRY_PERMISSION where the source's can't be read, or none put in the target */
  async check(collections: readonly Pick<Pair, 'source' | 'target'>[]): Promise<void> {
    const { target, retry } = this.#options
    for (const { source } of collections) await this.#of(source)
    const names = collections.map(each => each.target)
    await withRetry(() => target.security!.check(names, { signal: retry.signal }), retry)
  }

  /** When the collections are there, and no document is. */
  async begin(collections: readonly Pair[]): Promise<void> {
    const { target, dryRun, retry, notes } = this.#options
    if (target.security!.when !== 'first' || dryRun) return
    const kept: string[] = []
    for (const { source, target: name } of collections) {
      const found = await this.#of(source)
      if (!found) continue
      await target.security!.put(name, found, { signal: retry.signal })
      kept.push(name)
    }
    if (kept.length > 0) notes.push(`_security kept: ${kept.join(', ')}`)
  }

  /** When all documents are there. */
  async end(collections: readonly Pair[]): Promise<void> {
    const { target, dryRun, retry, notes, keep } = this.#options
    const { signal } = retry
    const untold: string[] = []
    const puts: PutSecurity[] = []
    for (const { source, target: name, created } of collections) {
      const after = await this.#of(source)
      if (!after) untold.push(source)
      else if (dryRun) notes.push(...(await this.#foreseen({ source, target: name, created }, after)))
      else if (target.security!.when === 'last') {
        const before = (await withRetry(() => target.security!.get(name, { signal }), retry)) ?? {}
        if (sameSecurity(before, after)) continue
        if (this.#mayPut(created, before)) puts.push({ collection: name, before, after })
        else notes.push(leftAlone(source))
      }
    }
    if (untold.length > 0)
      notes.push(`the source tells no _security of ${untold.join(', ')}: it is an export without (--include-security keeps them)`)
    if (puts.length > 0) await keep(puts)
    for (const { collection, after } of puts) await withRetry(() => target.security!.put(collection, after, { signal }), retry)
    if (puts.length > 0) notes.push(`_security set as in the source: ${puts.map(({ collection }) => collection).join(', ')}`)
  }

  async #of(name: string): Promise<SecurityObject | undefined> {
    const { source, retry } = this.#options
    const known = this.#found.get(name)
    if (known) return known
    const found = await withRetry(() => source.security!(name, { ...(retry.signal && { signal: retry.signal }) }), retry)
    if (found) this.#found.set(name, found)
    return found
  }

  /** Only here is it told what they hold: a dry run is asked for that. */
  async #foreseen({ source, target: name, created }: Pair, after: SecurityObject): Promise<string[]> {
    const { target, retry } = this.#options
    const before = created ? undefined : await withRetry(() => target.security!.get(name, { signal: retry.signal }), retry)
    if (before && sameSecurity(before, after)) return []
    return [before && !this.#mayPut(created, before) ? leftAlone(source) : `${source}: _security would be set to ${JSON.stringify(after)}`]
  }

  #mayPut(created: boolean, before: SecurityObject): boolean {
    return created || isDefaultSecurity(before) || this.#options.onConflict === 'overwrite'
  }
}

/** What a user should know of a run that is not asked to move them, from an export that has some. */
export async function securityLeft(
  { source, target }: { readonly source: Source; readonly target: Target },
  collections: readonly string[],
  signal: AbortSignal
): Promise<string[]> {
  if (source.location.provider !== 'file' || !source.security || !target.security) return []
  const left: string[] = []
  for (const name of collections) {
    // A note is nothing that a run fails for.
    const found = await source.security(name, { signal }).catch(() => undefined)
    if (found && !isDefaultSecurity(found)) left.push(name)
  }
  return left.length === 0 ? [] : [`the export has _security of ${left.join(', ')}, not moved (--include-security sets it)`]
}

function leftAlone(collection: string): string {
  return `${collection}: the target has a _security of its own, which is left as it is (--on-conflict overwrite replaces it)`
}

/** Whether two say the same: lists of names and roles have no order, and none is an empty one. */
export function sameSecurity(a: SecurityObject, b: SecurityObject): boolean {
  return JSON.stringify(normal(a)) === JSON.stringify(normal(b))
}

/** What a database has in which nobody has set any: from CouchDB 3 on, it is for admins alone. */
export function isDefaultSecurity(security: SecurityObject): boolean {
  return sameSecurity(security, {}) || sameSecurity(security, adminsOnly)
}

const adminsOnly: SecurityObject = { members: { roles: ['_admin'] }, admins: { roles: ['_admin'] } }

function normal(value: Json): Json | undefined {
  if (Array.isArray(value)) {
    const members = value.map(each => normal(each as Json) ?? null)
    return members.length === 0 ? undefined : members.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value as { readonly [key: string]: Json })
    .flatMap(([key, field]) => {
      const one = normal(field)
      return one === undefined ? [] : [[key, one] as const]
    })
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return fields.length === 0 ? undefined : Object.fromEntries(fields)
}
