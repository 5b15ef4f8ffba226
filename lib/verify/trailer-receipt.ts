/** What an export proves by itself: its trailer, or the manifest of a folder, holds the sums of its documents. */
import { createReadStream } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DocferryError, describeError } from '../errors.ts'
import { manifestName } from '../formats/export-text.ts'
import { gunzip, isGzip } from '../formats/gzip.ts'
import type { Summary } from '../formats/document-line.ts'
import { LineSplitter } from '../formats/lines.ts'
import type { Line, LineReading } from '../formats/lines.ts'
import { readSummary, summaryOf } from '../formats/tail.ts'
import { TrailerLine } from '../formats/trailer-line.ts'
import { BucketSums, isOfRoot } from '../values/bucket-sums.ts'
import type { CollectionReceipt } from './receipt.ts'
import { parseText } from '../values/index.ts'

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
export async function readTrailerReceipt(path: string): Promise<Pick<CollectionReceipt, 'target' | 'written'>[]> {
  try {
    const stats = await stat(path)
    const statements = stats.isDirectory() ? await readManifest(path) : await readTrailer(path, stats.size)
    return statements.map(statement => collectionOf(path, statement))
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

async function readManifest(path: string): Promise<Statement[]> {
  const { files } = parseText(await readFile(join(path, manifestName), 'utf8')) as { readonly files?: unknown }
  if (typeof files !== 'object' || files === null) throw unusable(path, `has a ${manifestName} without files`)
  return Object.entries(files).map(([name, entry]) => {
    const { documents: count, digest, receipt: sums, root } = (entry ?? {}) as { readonly [field: string]: unknown }
    if (sums === undefined) throw madeBefore(path)
    return { name, count, digest, sums, hasRoots: root !== undefined, root }
  })
}

function collectionOf(
  path: string,
  { name, count, digest, sums, hasRoots, root }: Statement
): Pick<CollectionReceipt, 'target' | 'written'> {
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
