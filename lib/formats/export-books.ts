/** What an export holds, and where its writer is in it: what is left of one that rests, and what another goes on from. */
import { BucketSums } from '../values/bucket-sums.ts'
import { DigestSum } from '../values/index.ts'
import type { StatedCollection } from './trailer-text.ts'

/** A collection's count, digest and `BucketSums.base64` so far; the last missing where an older docferry began. Plain JSON. */
type KeptCollection = readonly [name: string, count: number, digest: string, sums?: string]

/** Where an export stands between two documents; plain JSON. */
export interface ExportState extends ExportHead {
  readonly collections: readonly KeptCollection[]
  readonly opened: readonly string[]
}

/** What is of no collection. */
export interface ExportHead {
  readonly started: boolean
  readonly current?: string
  readonly currentIsEmpty: boolean
}

/** The same of one collection; plain JSON. */
export interface CollectionState {
  /** Which of them it is. */
  readonly at: number
  readonly kept: KeptCollection
  readonly isOpened: boolean
}

/** What is in the file of one collection. */
interface Written {
  readonly at: number
  count: number
  readonly sums: BucketSums
  /** Of documents that an older docferry wrote, which kept no other sum. */
  readonly before?: DigestSum
  isOpened: boolean
  /** Another object with each change. */
  version: object
}

export class ExportBooks {
  readonly #written = new Map<string, Written>()
  #openedCount = 0
  started = false
  current: string | undefined
  currentIsEmpty = true

  /** Go on from where an export stood. */
  static from({ collections, opened, started, current, currentIsEmpty }: ExportState): ExportBooks {
    const books = new ExportBooks()
    for (const [name, count, digest, sums] of collections) {
      if (sums !== undefined) books.#add(name, { count, sums: BucketSums.from(Buffer.from(sums, 'base64')) })
      else books.#add(name, { count, sums: new BucketSums(), before: DigestSum.from(count, digest) })
    }
    for (const name of opened) books.open(name)
    books.started = started
    books.current = current
    books.currentIsEmpty = currentIsEmpty
    return books
  }

  /** The collection belongs to the export from now on. */
  announce(collection: string): void {
    if (!this.#written.has(collection)) this.#add(collection, { count: 0, sums: new BucketSums() })
  }

  /** Its documents begin to stand in the file. */
  open(collection: string): void {
    const written = this.#written.get(collection)
    if (!written || written.isOpened) return
    written.isOpened = true
    written.version = {}
    this.#openedCount++
  }

  isOpened(collection: string): boolean {
    return this.#written.get(collection)?.isOpened ?? false
  }

  /** How many collections are. */
  get openedCount(): number {
    return this.#openedCount
  }

  /** So many more documents of it. @returns where their digests belong */
  count(collection: string, documents: number): BucketSums {
    const written = this.#written.get(collection)!
    written.count += documents
    written.version = {}
    return written.sums
  }

  /** In the order in which they came. */
  get collections(): readonly string[] {
    return [...this.#written.keys()]
  }

  get head(): ExportHead {
    const { started, current, currentIsEmpty } = this
    return { started, ...(current !== undefined && { current }), currentIsEmpty }
  }

  state(): ExportState {
    const opened = [...this.#written].filter(([, { isOpened }]) => isOpened).map(([name]) => name)
    return { collections: [...this.#written].map(keptOf), opened, ...this.head }
  }

  /** `state` without its head, in parts: `version` is another object with each change of one. */
  *parts(): Generator<{ readonly name: string; readonly version: object; readonly value: () => CollectionState }, void, undefined> {
    for (const [name, written] of this.#written) {
      const value = (): CollectionState => ({ at: written.at, kept: keptOf([name, written]), isOpened: written.isOpened })
      yield { name, version: written.version, value }
    }
  }

  /**
   * What can be stated of each collection so far, put into text only when that is asked for. Without digests where none are wanted, without sums where an
   * older docferry began the export.
   */
  stated({ digests }: { readonly digests: boolean }): Iterable<StatedCollection> {
    const written = this.#written
    const hasSums = digests && [...written.values()].every(({ before }) => before === undefined)
    // In the order in which a map of JSON has them.
    const names = Object.keys(Object.fromEntries([...written.keys()].map(name => [name, true])))
    return {
      *[Symbol.iterator]() {
        for (const name of names) {
          const each = written.get(name)!
          yield { name, count: each.count, ...(digests && { digest: () => digestOf(each) }), ...(hasSums && { sums: each.sums }) }
        }
      }
    }
  }

  #add(name: string, what: Pick<Written, 'count' | 'sums' | 'before'>): void {
    this.#written.set(name, { at: this.#written.size, isOpened: false, version: {}, ...what })
  }
}

/** What head and parts say together. */
export function stateOfParts(head: ExportHead, parts: readonly CollectionState[]): ExportState {
  const inOrder = [...parts].sort((a, b) => a.at - b.at)
  const opened = inOrder.filter(({ isOpened }) => isOpened).map(({ kept: [name] }) => name)
  return { collections: inOrder.map(({ kept }) => kept), opened, ...head }
}

function keptOf([name, each]: readonly [string, Written]): KeptCollection {
  const state = [name, each.count, digestOf(each)] as const
  return each.before ? state : [...state, each.sums.base64()]
}

function digestOf({ sums, before }: Pick<Written, 'sums' | 'before'>): string {
  if (!before) return sums.total()
  const sum = DigestSum.from(sums.count, sums.total())
  sum.merge(before)
  return sum.hex()
}
