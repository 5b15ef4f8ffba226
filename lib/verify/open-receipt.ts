/** Receipts in whatever a user names: a run's own, or what an export proves by itself. */
import { open, stat } from 'node:fs/promises'
import type { Location, OnConflict } from '../types.ts'
import { BucketSums } from '../values/bucket-sums.ts'
import { readReceipt, refusePipe, unreadable } from './read-receipt.ts'
import type { CollectionReceipt, Receipt } from './receipt.ts'
import { readTrailerReceipt } from './trailer-receipt.ts'

/** The counts are missing of an export, which does not tell them. */
export type CollectionProof = Omit<CollectionReceipt, 'counts'> & Partial<Pick<CollectionReceipt, 'counts'>>

/** What a target is compared with in place of a source. */
export interface Proof {
  readonly kinds: Receipt['kinds']
  readonly collections: readonly CollectionProof[]
  /** Of the run. Missing of an export, which is what was written, by whatever run. */
  readonly run?: { readonly source: Location; readonly onConflict: OnConflict }
}

export function proofOf({ collections, kinds, source, options: { onConflict } }: Receipt): Proof {
  return { collections, kinds, run: { source, onConflict } }
}

/**
 * @returns a run's receipt, or the proof that an export holds
 * @throws {DocferryError} DOCFERRY_RECEIPT where there is none, or it is damaged
 */
export async function openReceipt(path: string): Promise<Receipt | Proof> {
  if (!(await isExport(path))) return await readReceipt(path)
  const collections = await readTrailerReceipt(path)
  return {
    kinds: true,
    collections: collections.map(({ target, written }) => ({ source: target, target, wasEmpty: true, written, skipped: new BucketSums() }))
  }
}

/** A folder, something compressed, or a file with an export's first line. */
async function isExport(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true
    await refusePipe(path)
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0)
      const start = buffer.subarray(0, bytesRead)
      return (start[0] === 0x1f && start[1] === 0x8b) || start.toString('latin1').startsWith('{"$docferry"')
    } finally {
      await file.close()
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}
