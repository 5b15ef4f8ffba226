/**
 * No collection is copied onto itself: what is read would be changed while it is read. Ends are told apart by their addresses, and, where one server
 * may have two, by what it says of itself.
 */
import { sep } from 'node:path'
import { runParallel } from '../engine/run-parallel.ts'
import { DocferryError } from '../errors.ts'
import type { PlaceName, PlaceProof, Source, SourcePart, Target } from '../types.ts'

interface Ends {
  readonly source: Pick<Source, 'location' | 'proof' | 'parts'>
  readonly target: Pick<Target, 'location' | 'proof'>
}

/** A collection of the source, and what it is called in the target. */
interface Names {
  readonly name: string
  readonly target: string
}

const askedAtOnce = 8

/** Check by addresses alone, without a request. @throws {DocferryError} DOCFERRY_SAME_PLACE */
export function checkAddresses(collections: readonly Names[], { source, target }: Ends): void {
  const { provider, address, identity } = target.location
  const places = partsOf(source, collections)
  for (const { source: part } of places) checkApart(part.location, target.location)
  const read = new Set(
    places.flatMap(part => (part.source.location.identity === identity ? (part.collections ?? []).map(({ name }) => name) : []))
  )
  const same = collections.find(each => read.has(each.target))
  if (same) throw samePlace(provider, `${provider} ${address}, collection ${same.target}`, same)
}

/**
 * Check by what the servers say, where the addresses differ. Servers that are known to be others are asked nothing.
 *
 * @param collections `null` where only reading tells: then what is known beforehand is checked
 * @throws {DocferryError} DOCFERRY_SAME_PLACE
 */
export async function checkProofs(
  collections: readonly Names[] | null,
  { source, target }: Ends,
  { rename = {}, signal }: { readonly rename?: Readonly<Record<string, string>>; readonly signal?: AbortSignal }
): Promise<void> {
  const { proof: there, location } = target
  if (!there) return
  const parts = partsOf(source, collections ?? [])
  const named = (as: string): Names => ({ name: as, target: Object.hasOwn(rename, as) ? rename[as]! : as })
  const written = collections ?? parts.flatMap(part => (part.collections ?? []).map(({ as }) => named(as)))
  let inTarget: Map<string, string> | undefined
  for (const { source: part, collections: read } of parts) {
    const { proof: here } = part
    if (!here || !read || part.location.provider !== location.provider || part.location.identity === location.identity) continue
    if (here.server !== undefined && there.server !== undefined && here.server !== there.server) continue
    const targets = new Set(written.map(each => each.target))
    inTarget ??= await proofsOf(there, targets, signal)
    // What is not there yet is not what is read.
    if (inTarget.size === 0) return
    const inSource = await proofsOf(here, new Set(read.map(({ name }) => name)), signal)
    const [proof, name] = [...inTarget].find(([text]) => inSource.has(text)) ?? []
    if (proof === undefined || (await areCopies(here, there, signal))) continue
    const same = written.find(each => each.target === name)!
    const what = `${location.provider} ${location.address}, collection ${name}, is the same ${there.called} as ${inSource.get(proof)} of ${part.location.address}, under another address: its server says so`
    throw samePlace(location.provider, what, same, there.adviceForCopy)
  }
}

export interface EnterOptions {
  /** Nothing was made ready, as it is a dry run, and the collection is not there yet. */
  readonly isMissing?: boolean
  readonly signal?: AbortSignal | undefined
}

/** Of runs that are begun together, no two write to one collection: what each has of the others' is told once it has been made ready, before it is written to. */
export class TargetsApart {
  readonly #entered: Entered[] = []
  /** Pairs of targets, by their addresses. */
  readonly #untold = new Set<string>()

  /**
   * @returns what could not be told, in words, once for each other target
   * @throws {DocferryError} DOCFERRY_SAME_PLACE where another target is the same collection of the same server, under another address
   */
  async enter(target: Ends['target'], collection: string, { isMissing = false, signal }: EnterOptions = {}): Promise<string[]> {
    const { location, proof } = target
    if (!proof) return []
    const mine: Entered = { location, proof, collection, isMissing }
    const others = this.#entered.filter(each => mayBeSame(each, mine))
    this.#entered.push(mine)
    const notes: string[] = []
    for (const other of others) {
      const willBe = isMissing && other.isMissing && collection === other.collection ? await willBeSame(mine, other, signal) : undefined
      if (willBe === 'untold') notes.push(...this.#untoldOf(mine, other))
      if (willBe !== 'same' && !(await isSame(mine, other, signal))) continue
      const { provider, address } = location
      const advice = proof.adviceForCopy === undefined ? '' : `. ${proof.adviceForCopy}`
      throw new DocferryError(
        'DOCFERRY_SAME_PLACE',
        `two targets are the same place: ${provider} ${address}, collection ${collection}, is the same ${proof.called} as ${other.collection} of ${other.location.address}, under another address: its server says so; leave one of them out${advice}`,
        { provider, collection, endsRun: true }
      )
    }
    return notes
  }

  #untoldOf({ location: { provider, address }, collection }: Entered, { location: other }: Entered): string[] {
    const pair = [address, other.address].sort().join('\n')
    if (this.#untold.has(pair)) return []
    this.#untold.add(pair)
    return [
      `${provider} ${address} and ${other.address} may be one place: of a collection that is in neither yet (${collection}) that can't be told; the run looks once it has made it, and refuses where it is so`
    ]
  }
}

interface Entered {
  readonly location: Target['location']
  readonly proof: PlaceProof
  readonly collection: string
  /** Of a dry run, where it is not there. */
  readonly isMissing: boolean
  /** Of the collection, once it has been asked for. */
  text?: Promise<string | undefined>
}

function proofOf(entered: Entered, signal: AbortSignal | undefined): Promise<string | undefined> {
  return (entered.text ??= entered.proof.collection(entered.collection, { signal }))
}

async function isSame(mine: Entered, other: Entered, signal: AbortSignal | undefined): Promise<boolean> {
  const [text, theirs] = await Promise.all([proofOf(mine, signal), proofOf(other, signal)])
  return text !== undefined && text === theirs && !(await areCopies(other.proof, mine.proof, signal))
}

/** Of collections of one name that are in neither place: one running server will make one of them, unless one address means another by the name. */
async function willBeSame(mine: Entered, other: Entered, signal: AbortSignal | undefined): Promise<'same' | 'apart' | 'untold'> {
  const servers = [mine, other].map(({ proof }) => proof.server)
  if (servers.includes(undefined)) return 'untold'
  if (await areCopies(mine.proof, other.proof, signal)) return 'apart'
  const [here, there] = await Promise.all([mine, other].map(async ({ proof }) => await proof.process?.({ signal })))
  if (here === undefined || here !== there) return 'untold'
  return (await areNamedAlike(mine.proof, other.proof, signal)) ? 'same' : 'untold'
}

/** Whether what is there already has one name at both addresses; where there is nothing, nothing speaks against it. */
async function areNamedAlike(here: PlaceProof, there: PlaceProof, signal: AbortSignal | undefined): Promise<boolean> {
  const names = new Set((await Promise.all([here, there].map(async proof => (await proof.names?.({ signal })) ?? []))).flat())
  const [inOne, inOther] = await Promise.all([here, there].map(proof => proofsOf(proof, names, signal)))
  return inOne!.size === inOther!.size && [...inOne!].every(([text, name]) => inOther!.get(text) === name)
}

/** One address is told without asking, and servers that call themselves otherwise are. */
function mayBeSame(a: Entered, b: Entered): boolean {
  if (a.location.provider !== b.location.provider || a.location.identity === b.location.identity) return false
  return a.proof.server === undefined || b.proof.server === undefined || a.proof.server === b.proof.server
}

/** @returns names of those that have a proof, by it */
async function proofsOf(proof: PlaceProof, names: ReadonlySet<string>, signal: AbortSignal | undefined): Promise<Map<string, string>> {
  const proofs = new Map<string, string>()
  await runParallel(names, askedAtOnce, async name => {
    const text = await proof.collection(name, { signal })
    if (text !== undefined) proofs.set(text, name)
  })
  return proofs
}

/** Whether two servers answer: each says the same of itself twice, and not what the other does. One may have begun anew in between. */
async function areCopies(here: PlaceProof, there: PlaceProof, signal: AbortSignal | undefined): Promise<boolean> {
  const seen: string[] = []
  for (const proof of [here, there, here, there]) {
    const process = await proof.process?.({ signal })
    if (process === undefined) return false
    seen.push(process)
  }
  return seen[0] !== seen[1] && seen[0] === seen[2] && seen[1] === seen[3]
}

/** What is read of which source. */
function partsOf({ location, proof, parts }: Ends['source'], collections: readonly Names[]): readonly SourcePart[] {
  return parts ?? [{ source: { location, proof }, collections: collections.map(({ name }) => ({ name, as: name })) }]
}

/** Files in each other's folders: an output takes the place of what was there, a folder of all that was in it. */
function checkApart(place: Source['location'], { address, identity }: Target['location']): void {
  const inTarget = liesIn(place.identity, identity)
  if (!inTarget && !liesIn(identity, place.identity)) return
  const why = inTarget
    ? `the source ${place.address} lies in ${address}, which is replaced as a whole`
    : `${address} lies in ${place.address}, which is the source`
  throw new DocferryError('DOCFERRY_SAME_PLACE', `${why}. Name a target beside it`, { provider: 'file' })
}

/** Of paths. */
function liesIn(inner: string, outer: string): boolean {
  return outer.startsWith('file:') && inner.startsWith(outer.endsWith(sep) ? outer : outer + sep)
}

function samePlace(provider: PlaceName, what: string, { name }: Names, adviceForCopy?: string): DocferryError {
  const advice = `Name another target, or give every collection another name with --rename ${name}=NEW`
  return new DocferryError(
    'DOCFERRY_SAME_PLACE',
    `source and target are the same place: ${what}. ${advice}${adviceForCopy === undefined ? '' : `. ${adviceForCopy}`}`,
    { provider, collection: name }
  )
}
