import type { Receipt } from './receipt.ts'
import { readReceipt } from './receipt.ts'

/** @throws {DocferryError} DOCFERRY_STATE where there is none, or it is damaged */
export async function openReceipt(path: string): Promise<Receipt> {
  return await readReceipt(path)
}
