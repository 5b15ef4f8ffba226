/** The copy of a receipt that `--receipt` asks for: written whole or not at all, and never in the place of documents. */
import { constants } from 'node:fs'
import { access, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { replaceFile, exists, sideFileError } from '../engine/atomic-file.ts'
import { describeError, DocferryError } from '../errors.ts'
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
  try {
    await checkFree(path)
  } catch (error) {
    throw error instanceof DocferryError ? error : sideFileError(`the receipt can't be saved as ${path}`, error)
  }
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

/** What stands in its place is replaced only if it is a receipt. @throws {DocferryError} DOCFERRY_TARGET: all that was asked was right, and the documents are written */
export async function saveReceipt(path: string, receipt: string): Promise<void> {
  try {
    await checkFree(path)
    await replaceFile(path, await readFile(receipt))
  } catch (error) {
    const what = `the run is done, but its receipt can't be saved as ${path}: ${describeError(error)}. It stands in the run's folder: ${receipt}`
    throw new DocferryError('DOCFERRY_TARGET', what, { cause: error })
  }
}

/** @throws {DocferryError} DOCFERRY_CONFIG where something else is there, and what the system says where nothing can be written there */
async function checkFree(path: string): Promise<void> {
  await access(dirname(path), constants.W_OK)
  if (!(await exists(path))) return
  if ((await stat(path)).isDirectory()) throw new Error('it is a folder')
  try {
    await readReceipt(path)
  } catch (error) {
    throw new DocferryError('DOCFERRY_CONFIG', `${path} exists already and is no receipt: give --receipt another name`, { cause: error })
  }
}
