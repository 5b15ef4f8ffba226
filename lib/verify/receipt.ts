/** What a run proves: how many documents it moved, and digests by which they are recognised in the target, or in an archive, years later. */
import { createHash } from 'node:crypto'
import type { ListForm } from '../formats/listed-json.ts'
import type { Counts } from '../report.ts'
import type { Location, OnConflict, OnIncompatible, Types } from '../types.ts'
import type { BucketSums } from '../values/bucket-sums.ts'

/** Version of the form; a newer docferry reads older ones, not the other way round. */
export const formVersion = 1

/** What the target was to hold of one collection when the run had ended. */
export interface CollectionReceipt {
  /** Its name in the source, and in the target. */
  readonly source: string
  readonly target: string
  readonly counts: Counts
  /** Whether the target's held nothing when the run began: otherwise, what it holds beside is no difference. */
  readonly wasEmpty: boolean
  /** Of the documents that were written, as the target gives them back. A document that was written twice is in it twice. */
  readonly written: BucketSums
  /** Of those that were left alone because the target held their id: as the source has them, which need not be as the target has them. */
  readonly skipped: BucketSums
}

export interface Receipt {
  readonly runId: string
  /** docferry's version. */
  readonly docferry: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly finishedAt: string
  readonly source: Location
  readonly target: Location
  readonly options: {
    readonly onConflict: OnConflict
    readonly onIncompatible: OnIncompatible
    readonly types: Types
    readonly includeDesign: boolean
    readonly keepMetadata: boolean
    /** These two are missing where they were not asked for. */
    readonly attachments?: true
    readonly includeSecurity?: true
    /** See `PlannedOptions`. */
    readonly subcollections?: boolean
    /** As a user writes them. */
    readonly stages: readonly string[]
  }
  /** Whether the digests tell the kinds of numbers (1 from 1.0), because the target keeps them. */
  readonly kinds: boolean
  readonly collections: readonly CollectionReceipt[]
}

export interface KeptCollection extends Pick<CollectionReceipt, 'source' | 'target' | 'counts' | 'wasEmpty'> {
  /** `BucketSums.root` of what was written. */
  readonly root: string
  /** `BucketSums.bytes` in base64. */
  readonly written: string
  readonly skipped?: string
}

export interface KeptReceipt extends Omit<Receipt, 'collections'> {
  readonly docferryReceipt: number
  readonly root: string
  /** SHA-256 of the JSON text of all else. */
  readonly checksum: string
  readonly collections: readonly KeptCollection[]
}

/** One digest of all that was written: SHA-256 over the collections' names in the target and their roots. 64 hexadecimal digits. */
export function rootOf(collections: readonly Pick<CollectionReceipt, 'target' | 'written'>[]): string {
  return rootOfRoots(collections.map(({ target, written }) => [target, written.root()]))
}

/** The same, of names and roots. */
export function rootOfRoots(roots: readonly (readonly [target: string, root: string])[]): string {
  const hash = createHash('sha256')
  const lines = roots.map(each => JSON.stringify(each) + '\n')
  for (const line of lines.sort()) hash.update(line)
  return hash.digest('hex')
}

/** The receipt as text: JSON. */
export function formatReceipt(receipt: Receipt): string {
  return [...receiptPieces(receipt)].join('')
}

/** The same piece by piece: with thousands of collections it is large. @param root `rootOf` the collections, where it is known */
export function* receiptPieces({ collections, ...rest }: Receipt, root = rootOf(collections)): Generator<string, void, undefined> {
  const head = { docferryReceipt: formVersion, ...rest, root }
  const checksum = createHash('sha256').update(`${JSON.stringify(head).slice(0, -1)},"collections":[`)
  yield `${JSON.stringify(head, null, 1).slice(0, -'\n}'.length)},\n "collections": [`
  let separator = ''
  for (const each of collections) {
    const kept = keptOf(each)
    checksum.update(separator).update(JSON.stringify(kept))
    yield `${separator}\n  ${JSON.stringify(kept, null, 1).replaceAll('\n', '\n  ')}`
    separator = ','
  }
  const sum = checksum.update(']}').digest('hex')
  yield `${separator === '' ? '' : '\n '}],\n "checksum": "${sum}"\n}\n`
}

/** Where its collections are, in that text. */
export const receiptList: ListForm = { opening: ' "collections": [', indent: '  ' }

function keptOf({ source, target, counts, wasEmpty, written, skipped }: CollectionReceipt): KeptCollection {
  const sums = { root: written.root(), written: written.base64(), ...(skipped.count > 0 && { skipped: skipped.base64() }) }
  return { source, target, counts, wasEmpty, ...sums }
}
