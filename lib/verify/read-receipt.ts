/** From a receipt's text to what it says, refused as a whole where anything of it is not as it was made. */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { DocferryError, describeError } from '../errors.ts'
import { readListedFile } from '../formats/listed-json.ts'
import type { ListVisitor } from '../formats/listed-json.ts'
import { BucketSums } from '../values/bucket-sums.ts'
import { parseText } from '../values/index.ts'
import { formVersion, receiptList, rootOf, rootOfRoots } from './receipt.ts'
import type { CollectionReceipt, KeptCollection, KeptReceipt, Receipt } from './receipt.ts'

/** @throws {DocferryError} DOCFERRY_RECEIPT as `parseReceipt`, or where the file can't be read */
export async function readReceipt(path: string): Promise<Receipt> {
  // What keeps it from being read is told below.
  const receipt = await receiptInPieces(visitor => readListedFile(path, receiptList, visitor)).catch(() => undefined)
  if (receipt) return receipt
  let text: string
  try {
    await refusePipe(path)
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw unreadable(path, error)
  }
  return parseReceipt(text, path)
}

/** A receipt is read at several places, and to open a pipe waits for who writes into it. @throws {DocferryError} DOCFERRY_RECEIPT; the system's error */
export async function refusePipe(path: string): Promise<void> {
  const found = await stat(path)
  if (found.isFile() || found.isDirectory()) return
  const what = found.isFIFO() ? 'a pipe' : 'a device or a socket'
  throw new DocferryError('DOCFERRY_RECEIPT', `${path} is ${what}, and a receipt is read from a file: save it in one`)
}

export function unreadable(path: string, error: unknown): DocferryError {
  if (error instanceof DocferryError) return error
  return new DocferryError('DOCFERRY_RECEIPT', `${path} can't be read: ${describeError(error)}`, { cause: error })
}

/**
 * The same as `parseReceipt`, of a receipt in the form in which it was written: with thousands of collections its text takes several times what it says.
 *
 * @param read hands its text on, as `readListed`
 * @returns undefined for what is in another form or not whole: `parseReceipt` tells
 */
export async function receiptInPieces(read: (visitor: ListVisitor) => Promise<string | undefined>): Promise<Receipt | undefined> {
  const checksum = createHash('sha256')
  const collections: CollectionReceipt[] = []
  const roots: (readonly [string, string])[] = []
  let head: Omit<KeptReceipt, 'collections' | 'checksum'> | undefined
  const tail = await read({
    head(text) {
      const parsed = tryParse(`${text}\n}`)
      if (!isMap(parsed) || Object.hasOwn(parsed, 'collections') || Object.hasOwn(parsed, 'checksum')) return false
      const { docferryReceipt: form, root, ...rest } = parsed
      if (typeof form !== 'number' || form > formVersion || typeof root !== 'string' || !hasShape(rest)) return false
      head = parsed as unknown as typeof head
      checksum.update(`${JSON.stringify(parsed).slice(0, -1)},"collections":[`)
      return true
    },
    entry({ text }) {
      const parsed = tryParse(text)
      if (!isKeptCollection(parsed)) return false
      checksum.update(collections.length > 0 ? ',' : '').update(JSON.stringify(parsed))
      roots.push([parsed.target, parsed.root])
      try {
        collections.push(collectionOf(parsed))
      } catch {
        return false
      }
      return true
    }
  })
  if (!head || tail !== `\n ],\n "checksum": "${checksum.update(']}').digest('hex')}"\n}\n`) return undefined
  const { docferryReceipt: _form, root, ...rest } = head
  return rootOfRoots(roots) === root ? { ...rest, collections } : undefined
}

function tryParse(text: string): unknown {
  try {
    return parseText(text)
  } catch {
    return undefined
  }
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
    found = collections.map(collectionOf)
  } catch (error) {
    throw unusable(`is damaged: ${describeError(error)}`, error)
  }
  if (rootOf(found) !== root) throw unusable('is damaged: its collections do not agree with its root')
  return { ...(rest as Omit<Receipt, 'collections'>), collections: found }
}

/** @throws {RangeError} where its sums are none, or others */
function collectionOf({ root, written, skipped = '', ...collection }: KeptCollection): CollectionReceipt {
  const sums = BucketSums.from(Buffer.from(written, 'base64'))
  if (sums.root() !== root) throw new RangeError(`the digests of ${collection.target} do not agree with their root`)
  return { ...collection, written: sums, skipped: BucketSums.from(Buffer.from(skipped, 'base64')) }
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
