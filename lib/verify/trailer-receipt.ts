/** What an export proves by itself: its trailer, or the manifest of a folder, holds the sums of its documents. */
import { createReadStream } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DocferryError, describeError } from '../errors.ts'
import { manifestList, manifestName } from '../formats/export-text.ts'
import { gunzip, isGzip } from '../formats/gzip.ts'
import { readListedFile } from '../formats/listed-json.ts'
import type { ListVisitor } from '../formats/listed-json.ts'
import type { Summary } from '../formats/document-line.ts'
import { LineSplitter } from '../formats/lines.ts'
import type { Line, LineReading } from '../formats/lines.ts'
import { readSummary, summaryOf } from '../formats/tail.ts'
import { TrailerLine } from '../formats/trailer-line.ts'
import { BucketSums, isOfRoot } from '../values/bucket-sums.ts'
import type { CollectionReceipt } from './receipt.ts'
import { parseText } from '../values/index.ts'

type StatedReceipt = Pick<CollectionReceipt, 'target' | 'written'>

/** What one says of a collection. */
interface Statement {
  readonly name: string
  readonly count: unknown
  readonly digest: unknown
  readonly sums: unknown
  /** Whether it has roots, which older ones have not, and this one. */
  readonly hasRoots: boolean
  readonly root: unknown
}

/**
 * Read what an export states of its documents, and nothing else of it: whether they are still those, only reading them tells.
 *
 * @param path of an NDJSON export, perhaps compressed, or of a folder with a manifest
 * @returns its collections by the names that they have in it, with the sums of what was written
 * @throws {DocferryError} DOCFERRY_RECEIPT for a file without trailer, one that is cut or damaged, or one of an older docferry
 */
export async function readTrailerReceipt(path: string): Promise<StatedReceipt[]> {
  try {
    const stats = await stat(path)
    if (stats.isDirectory()) return await readManifest(path)
    return (await readTrailer(path, stats.size)).map(statement => collectionOf(path, statement))
  } catch (error) {
    if (error instanceof DocferryError && error.code === 'DOCFERRY_RECEIPT') throw error
    throw unusable(path, `can't be read: ${describeError(error)}`, error)
  }
}

async function readTrailer(path: string, size: number): Promise<Statement[]> {
  const gzip = isGzip(await firstBytes(path))
  const summary = (await readSummary(path, { size, gzip })) ?? (gzip ? await lastSummary(path) : undefined)
  if (!summary)
    throw unusable(path, 'does not end in the trailer of an export: it was cut, or is no NDJSON export of docferry; JSON has no trailer')
  const { counts, digest, receipt, root } = summary
  if (!receipt) throw madeBefore(path)
  return Object.entries(counts).map(([name, count]) => ({
    name,
    count,
    digest: ownField(digest, name),
    sums: ownField(receipt, name),
    hasRoots: root !== undefined,
    root: root && ownField(root, name)
  }))
}

async function readManifest(path: string): Promise<StatedReceipt[]> {
  const file = join(path, manifestName)
  // What is wrong with it is told below.
  const inPieces = await receiptInManifest(path, visitor => readListedFile(file, manifestList, visitor)).catch(() => undefined)
  return inPieces ?? parseManifestReceipt(await readFile(file, 'utf8'), path)
}

/** @param path of the folder @throws {DocferryError} DOCFERRY_RECEIPT; {SyntaxError} for what is no JSON */
export function parseManifestReceipt(text: string, path: string): StatedReceipt[] {
  const { files } = (parseText(text) ?? {}) as { readonly files?: unknown }
  if (typeof files !== 'object' || files === null) throw unusable(path, `has a ${manifestName} without files`)
  return Object.entries(files).map(([name, entry]) => collectionOf(path, statementOf(path, name, entry)))
}

/**
 * The same of a manifest in the form in which it is written: with thousands of collections its text takes several times what it says.
 *
 * @param read hands its text on, as `readListed`
 * @returns undefined for what is in another form: `parseManifestReceipt` tells
 * @throws as `parseManifestReceipt`, and for less
 */
export async function receiptInManifest(
  path: string,
  read: (visitor: ListVisitor) => Promise<string | undefined>
): Promise<StatedReceipt[] | undefined> {
  const found = new Map<string, StatedReceipt>()
  const tail = await read({
    head(text) {
      const head = parseText(`${text}\n}`)
      return typeof head === 'object' && head !== null && !Object.hasOwn(head, 'files')
    },
    entry({ text }) {
      const [first, ...others] = Object.entries(parseText(`{${text}}`) as object)
      if (!first || others.length > 0) return false
      const [name, entry] = first
      found.set(name, collectionOf(path, statementOf(path, name, entry)))
      return true
    }
  })
  if (tail !== '\n  }\n}\n') return undefined
  // In the order in which an object has them.
  return Object.values(Object.fromEntries(found))
}

function statementOf(path: string, name: string, entry: unknown): Statement {
  const { documents: count, digest, receipt: sums, root } = (entry ?? {}) as { readonly [field: string]: unknown }
  if (sums === undefined) throw madeBefore(path)
  return { name, count, digest, sums, hasRoots: root !== undefined, root }
}

function collectionOf(path: string, { name, count, digest, sums, hasRoots, root }: Statement): StatedReceipt {
  const damaged = (why: string, cause?: unknown): DocferryError => unusable(path, `is damaged: ${why}`, cause)
  if (typeof sums !== 'string' && !Buffer.isBuffer(sums)) throw damaged(`there are no sums of ${JSON.stringify(name)}`)
  if (hasRoots && !isOfRoot(sums, root)) throw damaged(`the sums of ${JSON.stringify(name)} do not agree with their root`)
  let written: BucketSums
  try {
    written = BucketSums.from(typeof sums === 'string' ? Buffer.from(sums, 'base64') : sums)
  } catch (error) {
    throw damaged(`the sums of ${JSON.stringify(name)} are none`, error)
  }
  if (written.count !== count || written.total() !== digest)
    throw damaged(`the sums of ${JSON.stringify(name)} do not agree with its count and digest`)
  return { target: name, written }
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** For what another program has compressed as one piece. */
async function lastSummary(path: string): Promise<Summary | undefined> {
  const readerOf = (beginning: Buffer): LineReading | undefined => (TrailerLine.mayBegin(beginning) ? new TrailerLine() : undefined)
  const splitter = new LineSplitter({ readerOf })
  let last: Line | undefined
  for await (const chunk of gunzip(createReadStream(path), { name: path })) last = splitter.push(chunk).at(-1) ?? last
  if (splitter.end() || !last) return undefined
  return last.reading instanceof TrailerLine ? last.reading.summary() : summaryOf(last.bytes)
}

function ownField<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

function madeBefore(path: string): DocferryError {
  return unusable(path, 'holds no receipt: an older docferry has made it. Import and export it again, or compare it with its source')
}

function unusable(path: string, why: string, cause?: unknown): DocferryError {
  return new DocferryError('DOCFERRY_RECEIPT', `${path} ${why}`, { cause })
}
