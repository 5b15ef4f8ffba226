/** What a run proves: how many documents it moved, and digests by which they are recognised in the target, or in an archive, years later. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { DocferryError, describeError } from '../errors.ts'
import type { Counts } from '../report.ts'
import type { Location, OnConflict, OnIncompatible, Types } from '../types.ts'
import { BucketSums } from '../values/bucket-sums.ts'
import { parseText } from '../values/index.ts'

/** Version of the form; a newer docferry reads older ones, not the other way round. */
const formVersion = 1

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

interface KeptCollection extends Pick<CollectionReceipt, 'source' | 'target' | 'counts' | 'wasEmpty'> {
  /** `BucketSums.root` of what was written. */
  readonly root: string
  /** `BucketSums.bytes` in base64. */
  readonly written: string
  readonly skipped?: string
}

interface KeptReceipt extends Omit<Receipt, 'collections'> {
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

function keptOf({ source, target, counts, wasEmpty, written, skipped }: CollectionReceipt): KeptCollection {
  const sums = { root: written.root(), written: written.base64(), ...(skipped.count > 0 && { skipped: skipped.base64() }) }
  return { source, target, counts, wasEmpty, ...sums }
}

/**
 * @param name of the file, for errors
 * @throws {DocferryError} DOCFERRY_RECEIPT for what is no receipt, a damaged one, or one of a newer docferry
 */
export function parseReceipt(text: string, name: string): Receipt {
  const unusable = (why: string, cause?: unknown): DocferryError => new DocferryError('DOCFERRY_RECEIPT', `${name} ${why}`, { cause })
  let parsed: Partial<KeptReceipt> | null
  try {
    parsed = parseText(text) as Partial<KeptReceipt> | null
  } catch (error) {
    throw unusable('is no receipt: it is not valid JSON', error)
  }
  const { checksum, ...kept } = parsed ?? {}
  const { docferryReceipt: form, root, collections, ...rest } = kept
  if (typeof form !== 'number' || typeof root !== 'string' || !Array.isArray(collections)) throw unusable('is no receipt of a docferry run')
  if (form > formVersion) throw unusable(`is a receipt of a newer docferry (form ${form}; this one knows ${formVersion})`)
  if (checksum !== checksumOf(kept)) throw unusable('was changed after it was made: its contents do not agree with its checksum')
  if (!hasShape(rest) || !collections.every(isKeptCollection)) throw unusable('is damaged: it does not hold what a receipt holds')
  let found: CollectionReceipt[]
  try {
    found = collections.map(({ root: itsRoot, written, skipped = '', ...collection }) => {
      const sums = BucketSums.from(Buffer.from(written, 'base64'))
      if (sums.root() !== itsRoot) throw new RangeError(`the digests of ${collection.target} do not agree with their root`)
      return { ...collection, written: sums, skipped: BucketSums.from(Buffer.from(skipped, 'base64')) }
    })
  } catch (error) {
    throw unusable(`is damaged: ${describeError(error)}`, error)
  }
  if (rootOf(found) !== root) throw unusable('is damaged: its collections do not agree with its root')
  return { ...(rest as Omit<Receipt, 'collections'>), collections: found }
}

type Fields = Readonly<Record<string, unknown>>

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function areTexts(...values: readonly unknown[]): boolean {
  return values.every(value => typeof value === 'string')
}

function isKeptCollection(value: unknown): value is KeptCollection {
  if (!isMap(value)) return false
  const { source, target, counts, wasEmpty, root, written, skipped = '' } = value
  if (!areTexts(source, target, root, written, skipped) || typeof wasEmpty !== 'boolean' || !isMap(counts)) return false
  return Object.values(counts).every(count => Number.isSafeInteger(count))
}

function hasShape({ runId, source, target, options, kinds }: Fields): boolean {
  if (typeof runId !== 'string' || typeof kinds !== 'boolean' || !isMap(source) || !isMap(target) || !isMap(options)) return false
  const { onConflict, onIncompatible, types, stages } = options
  return (
    areTexts(source['provider'], source['address'], target['provider'], target['address'], onConflict, onIncompatible, types) &&
    Array.isArray(stages) &&
    areTexts(...(stages as readonly unknown[]))
  )
}

function checksumOf(kept: object): string {
  return createHash('sha256').update(JSON.stringify(kept)).digest('hex')
}

/** @throws {DocferryError} DOCFERRY_RECEIPT as `parseReceipt`, or where the file can't be read */
export async function readReceipt(path: string): Promise<Receipt> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new DocferryError('DOCFERRY_RECEIPT', `${path} can't be read: ${describeError(error)}`, { cause: error })
  }
  return parseReceipt(text, path)
}
