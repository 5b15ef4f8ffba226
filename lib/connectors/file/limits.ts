/** What a file asks of the data path: nothing but to be written in pieces that are worth a call, and a name that can be a file's. */
import type { Refusal, TargetLimits } from '../../types.ts'
import { isWellFormed } from '../../values/index.ts'

/** One file takes one section after another, in order. */
export const fileLimits: TargetLimits = { batchCount: 500, batchBytes: 1 << 20, inFlight: 1, oneCollectionAtATime: true }

/** Each collection has a file of its own; four at once keep both cores busy when they are compressed. */
export const folderLimits: TargetLimits = { batchCount: 500, batchBytes: 1 << 20, inFlight: 4 }

/** Longest file name, in bytes: NAME_MAX of Linux and macOS, less what is added to it while it is written. */
const maxNameBytes = 220

export function checkName(collection: string): Refusal | undefined {
  return collection === '' ? { code: 'DOCFERRY_COLLECTION_NAME', message: 'a collection without a name' } : undefined
}

export function checkFileName(collection: string): Refusal | undefined {
  if (!isWellFormed(collection)) return { code: 'DOCFERRY_COLLECTION_NAME', message: 'half a surrogate pair, which no file name can hold' }
  const bytes = fileNameOf(collection).length
  if (bytes <= maxNameBytes) return checkName(collection)
  return {
    code: 'DOCFERRY_COLLECTION_NAME',
    message: `${bytes} bytes as a file name; a folder takes ${maxNameBytes}. Write a single file instead`
  }
}

/** A collection's name as a file's: what a file system or a shell would not take is percent-encoded. */
export function fileNameOf(collection: string): string {
  const safe = collection.replace(/[^A-Za-z0-9_.$()+,=@ -]/gu, character => encodeURIComponent(character).replace(/^[!'*~]$/, encodeByte))
  return safe.replace(/^[. -]/, encodeByte).replace(/[. ]$/, encodeByte)
}

/** The inverse of `fileNameOf`; a name that it did not make stays as it is. */
export function collectionOf(fileName: string): string {
  try {
    const name = decodeURIComponent(fileName)
    return fileNameOf(name) === fileName ? name : fileName
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    return fileName
  }
}

function encodeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
