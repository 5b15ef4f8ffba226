/** The copy of a receipt that `--receipt` asks for: written whole or not at all, and never in the place of documents. */
import { constants } from 'node:fs'
import { access, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { replaceFile, exists, sideFileError } from '../engine/atomic-file.ts'
import { DocferryError } from '../errors.ts'
import type { RunReport } from '../report.ts'
import { readReceipt } from '../verify/read-receipt.ts'

/**
 * Before anything is read: a receipt that can't be saved must not be found out at the end.
 *
 * @returns its real path
 * @throws {DocferryError} DOCFERRY_USAGE, DOCFERRY_CONFIG
 */
export async function checkReceiptPlace(path: string, { dryRun = false }: { readonly dryRun?: boolean }): Promise<string> {
  if (path === '' || path === '-') throw new DocferryError('DOCFERRY_USAGE', '--receipt: the name of a file is wanted')
  if (dryRun) throw new DocferryError('DOCFERRY_USAGE', '--receipt: a dry run writes nothing and has no receipt')
  await checkFree(path)
  return await realpath(path).catch(async () => join(await realpath(dirname(path)), basename(path)))
}

/** @param place as `checkReceiptPlace` gave it @throws {DocferryError} DOCFERRY_USAGE where it is, or is in, what is read or written */
export function refuseEnds(place: string, report: Pick<RunReport, 'source' | 'target'>): void {
  for (const end of ['source', 'target'] as const) {
    const { identity } = report[end]
    if (`file:${place}` === identity || `file:${place}`.startsWith(identity + sep))
      throw new DocferryError('DOCFERRY_USAGE', `--receipt: ${place} belongs to the ${end} of the documents: give it another name`)
  }
}

/** What stands in its place is replaced only if it is a receipt. @throws {DocferryError} DOCFERRY_CONFIG; DOCFERRY_TARGET where there is no room for it */
export async function saveReceipt(path: string, receipt: string): Promise<void> {
  await checkFree(path)
  try {
    const text = await readFile(receipt)
    await replaceFile(path, text)
  } catch (error) {
    throw sideFileError(`the receipt can't be saved as ${path}`, error, `; the run is through, and its receipt is ${receipt}`)
  }
}

async function checkFree(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK)
    if (!(await exists(path))) return
    if ((await stat(path)).isDirectory()) throw new Error('it is a folder')
  } catch (error) {
    throw sideFileError(`the receipt can't be saved as ${path}`, error)
  }
  try {
    await readReceipt(path)
  } catch (error) {
    throw new DocferryError('DOCFERRY_CONFIG', `${path} exists already and is no receipt: give --receipt another name`, { cause: error })
  }
}
