/** A receipt by itself, or what an export proves of its own documents. */
import { open, stat } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { describeError, DocferryError } from '../errors.ts'
import { isGzip } from '../formats/gzip.ts'
import { totalCounts } from '../report.ts'
import { BucketSums } from '../values/bucket-sums.ts'
import { readReceipt } from './receipt.ts'
import type { Receipt } from './receipt.ts'
import { readTrailerReceipt } from './trailer-receipt.ts'

/**
 * @param path of a receipt, or of an NDJSON export with a trailer: a file, perhaps compressed, or a folder
 * @throws {DocferryError} DOCFERRY_STATE where it is neither, damaged, or can't be read
 */
export async function openReceipt(path: string): Promise<Receipt> {
  return (await isExport(path)) ? await receiptOfExport(path) : await readReceipt(path)
}

async function isExport(path: string): Promise<boolean> {
  try {
    const stats = await stat(path)
    if (stats.isDirectory()) return true
    const file = await open(path)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(headerStart.length), 0, headerStart.length, 0)
      const start = buffer.subarray(0, bytesRead)
      return isGzip(start) || start.toString() === headerStart || /^\.(?:ndjson|jsonl)$/.test(extname(path))
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new DocferryError('DOCFERRY_STATE', `${path} can't be read: ${describeError(error)}`, { cause: error })
  }
}

const headerStart = '{"$docferry":'

/** It was written as it is read: nothing was skipped, and no stage stands between. */
async function receiptOfExport(path: string): Promise<Receipt> {
  const collections = await readTrailerReceipt(path)
  const { mtime } = await stat(path)
  const place = { provider: 'file', address: path, identity: `file:${path}` } as const
  return {
    runId: basename(path),
    docferry: '',
    startedAt: mtime.toISOString(),
    finishedAt: mtime.toISOString(),
    source: place,
    target: place,
    options: { onConflict: 'skip', onIncompatible: 'dead-letter', types: 'natural', includeDesign: false, keepMetadata: false, stages: [] },
    kinds: true,
    collections: collections.map(({ target, written }) => ({
      source: target,
      target,
      counts: { ...totalCounts([]), read: written.count, written: written.count },
      written,
      skipped: new BucketSums()
    }))
  }
}
