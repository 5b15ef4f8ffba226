/** The ends that are needed only where something differs: a source behind its receipt, and those that can be asked for single documents. */
import type { RetryOptions } from '../engine/retry.ts'
import { DocferryError, describeError } from '../errors.ts'
import type { Endpoint } from '../open.ts'
import { checkWhole, noSuchCollection } from '../plan/choose-collections.ts'
import type { Source, Target } from '../types.ts'
import { look } from './ends.ts'
import type { Ends } from './ends.ts'
import type { CollectionLook } from './first-look.ts'
import type { LookingEnds } from './name-differences.ts'
import { stagesOfSource } from './task.ts'
import type { Task } from './task.ts'

export interface AskOptions {
  readonly task: Task
  readonly ends: Ends
  /** By names in the target. */
  readonly looks: ReadonlyMap<string, CollectionLook>
  /** Of the report. */
  readonly notes: string[]
  readonly retry: RetryOptions & { readonly signal: AbortSignal }
}

/**
 * The receipt is not enough where buckets differ.
 *
 * @returns undefined where there is no source, or none that can tell
 */
export async function openSourceForReceipt({ task, ends, looks, notes, retry }: AskOptions): Promise<Source | undefined> {
  if (task.source === undefined) return undefined
  try {
    const source = await ends.read(task.source, 'source', task.rules)
    const held = await ends.collectionsOf(source, 'source')
    const wanted = [...looks.values()].map(({ report }) => report.source)
    const missing = wanted.filter(name => !held.some(info => info.name === name))
    if (missing.length > 0) throw noSuchCollection(missing, held, source)
    checkWhole(held.filter(({ name }) => wanted.includes(name)))
    return source
  } catch (error) {
    if (!(error instanceof DocferryError) || retry.signal.aborted) throw error
    notes.push(`the source can't tell what differs: ${error.message}`)
    return undefined
  }
}

/**
 * @param holder what the target would hold
 * @param source that is read
 */
export async function openLookingEnds(
  { holder, source }: { readonly holder: Target; readonly source: Source },
  options: AskOptions
): Promise<LookingEnds> {
  const { builtIn, stages, keepMetadata, source: endpoint } = options.task
  const { looks, retry } = options
  const asking = await askHeld(holder, options)
  const held = asking?.look && { end: asking, nameOf: (name: string) => name, stages: builtIn, knowsAbsent: true }
  const heldAlone = { ...(held && { held }) }
  // Looked up, a document of CouchDB comes without the fields that are to be kept.
  // Several sources are only read.
  if (endpoint === undefined || source.location.provider === 'several' || (keepMetadata && source.location.provider === 'couchdb'))
    return heldAlone
  const end = await askSource(endpoint, options)
  if (!end?.look) return heldAlone
  const nameOf = (name: string): string => looks.get(name)!.report.source
  for (const { report } of looks.values()) if (!report.isMissing) await look(end, report.source, retry)
  return { ...heldAlone, source: { end, nameOf, stages: stagesOfSource(options.task), knowsAbsent: stages.length === 0 } }
}

/** Looks for a document also under its escaped id, whatever the rules of writing are: so it is read too. */
async function askHeld(holder: Target, { task: { target, rules }, ends, looks, retry }: AskOptions): Promise<Target> {
  if (rules.escapeNames || !holder.look) return holder
  const end = await ends.ask(target, { ...rules, escapeNames: true })
  for (const { report } of looks.values()) if (!report.isMissing) await look(end, report.target, retry)
  return end
}

/** @returns undefined where the source can only be read */
async function askSource(endpoint: Endpoint, { task: { rules }, ends, notes, retry }: AskOptions): Promise<Target | undefined> {
  try {
    return await ends.ask(endpoint, { types: 'natural', escapeNames: true, subcollections: rules.subcollections })
  } catch (error) {
    retry.signal.throwIfAborted()
    notes.push(`documents of the source can't be looked at once more, one by one: ${describeError(error)}`)
    return undefined
  }
}
