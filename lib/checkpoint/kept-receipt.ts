/**
 * The receipt in a run's folder. A retry has the new one stand beside it until the dead letters that it accounts for are replaced, so that
 * letters and receipt agree whenever its process dies.
 */
import { join } from 'node:path'
import { exists, syncFolder } from '../engine/atomic-file.ts'
import { removeFile, rename } from '../engine/near-files.ts'
import { DocferryError, describeError } from '../errors.ts'
import { inState, replaceFile } from './state-file.ts'

const receiptName = 'receipt.json'
const nextName = 'receipt.next.json'

/** Replace the receipt in one step, on disk when this resolves. @returns its path @throws {DocferryError} DOCFERRY_STATE */
export async function keepReceipt(folder: string, text: string | Iterable<string | Buffer>): Promise<string> {
  const path = join(folder, receiptName)
  await replaceFile(path, text)
  return path
}

/** Keep what becomes the receipt by `takeNext`. @throws {DocferryError} DOCFERRY_STATE */
export async function keepNext(folder: string, text: string | Iterable<string | Buffer>): Promise<void> {
  await replaceFile(join(folder, nextName), text)
}

/** @throws {DocferryError} DOCFERRY_STATE */
export async function takeNext(folder: string): Promise<void> {
  const path = join(folder, receiptName)
  try {
    if (!(await exists(join(folder, nextName)))) return
    await rename(join(folder, nextName), path)
    await syncFolder(folder)
  } catch (error) {
    throw new DocferryError('DOCFERRY_STATE', `the receipt ${path} can't be replaced: ${describeError(error)}`, { cause: error })
  }
}

/** What a retry left that did not come to its end. @throws {DocferryError} DOCFERRY_STATE */
export async function dropNext(folder: string): Promise<void> {
  const path = join(folder, nextName)
  try {
    await removeFile(path)
  } catch (error) {
    throw new DocferryError('DOCFERRY_STATE', `${path} can't be removed: ${describeError(error)}`, { cause: error })
  }
}

/** @returns undefined where there is none @param isRetried whether the dead letters are those that the next receipt accounts for */
export async function findReceipt(folder: string, isRetried: boolean): Promise<string | undefined> {
  return await inState(`the receipt in ${folder} can't be looked for`, async () => {
    for (const name of isRetried ? [nextName, receiptName] : [receiptName]) {
      if (await exists(join(folder, name))) return join(folder, name)
    }
    return undefined
  })
}
