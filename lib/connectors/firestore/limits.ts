/**
 * What Firestore takes and refuses. Sources: https://cloud.google.com/firestore/quotas (limits),
 * https://cloud.google.com/firestore/docs/storage-size (how sizes are counted), and Google's emulator, which enforces both to the byte.
 */
import type { Ramp, Refusal, TargetLimits } from '../../types.ts'
import { isWellFormed } from '../../values/index.ts'
import { formatCount } from '../../values/format-count.ts'

/** Names, fields and 32 bytes together. */
export const maxDocumentBytes = 1_048_576

/** 1 MiB - 89 bytes, for one string or one bytes value. */
export const maxValueBytes = 1_048_487

/** A collection id, a document id, a field name; in UTF-8. */
export const maxNameBytes = 1_500

/** Maps and arrays inside each other, below the document itself. */
export const maxDepth = 20

export const maxVectorLength = 2_048

/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z. */
export const minTimestampSeconds = -62_135_596_800
export const maxTimestampSeconds = 253_402_300_799

/** What Firestore counts for a document beside its name and fields. */
export const documentOverheadBytes = 32

const nameOverheadBytes = 16

/** What a write takes in a request beside the document itself: two tags, two lengths, a condition. */
export const writeOverheadBytes = 16

/** The same with a time as the condition, which takes up to 18 bytes more. */
export const updateOverheadBytes = writeOverheadBytes + 20

/**
 * The service's requests are limited to 10 MiB. The emulator's are to 4 MiB: it answers a larger one with RESOURCE_EXHAUSTED. A batch stays
 * below by what a request holds beside its writes. More than 500 writes at once bring no speed.
 */
export function targetLimits(emulator: boolean, ramp = !emulator): TargetLimits {
  const limits = { batchCount: 500, batchBytes: (emulator ? 4 : 10) * 1_048_576 - 8_192, inFlight: emulator ? 4 : 8 }
  return ramp ? { ...limits, ramp: rampUp } : limits
}

/** 500/50/5: 500 operations a second at first, half as many more each 5 minutes. https://cloud.google.com/firestore/docs/best-practices#ramping_up_traffic */
export const rampUp: Ramp = { perSecond: 500, growth: 1.5, everyMs: 300_000 }

/** Documents that lie one below the other, in subcollections; the first is that of the top-level collection. */
export const maxPathDocuments = 100

const reserved = /^__.+__$/s

/** Names that Firestore made for integer ids, when a database was converted from Datastore: the only reserved ones that are taken. */
const integerId = /^__id(-?[1-9]\d{0,18})__$/

/** The number of an integer id; undefined for any other name. */
export function integerIdOf(name: string): bigint | undefined {
  const digits = integerId.exec(name)?.[1]
  const number = digits === undefined ? undefined : BigInt(digits)
  return number !== undefined && BigInt.asIntN(64, number) === number ? number : undefined
}

/** Why a field can't have this name. `bytes` is its length in UTF-8, -1 when it has none. */
export function fieldNameRefusal(name: string, bytes: number): Omit<Refusal, 'path'> | undefined {
  if (bytes > 0 && bytes <= maxNameBytes && (name.charCodeAt(0) !== 95 || !reserved.test(name))) return undefined
  const code = 'DOCFERRY_BAD_FIELD'
  if (bytes < 0) return { code, message: 'a field name holds half a surrogate pair, which UTF-8 cannot' }
  if (bytes === 0) return { code, message: 'a field name is empty, which Firestore refuses' }
  if (bytes > maxNameBytes)
    return { code, message: `a field name has ${formatCount(bytes)} bytes; Firestore takes at most ${formatCount(maxNameBytes)}` }
  return { code, message: 'a field name begins and ends with two underscores, which Firestore reserves' }
}

/** Why a document of this size, as Firestore counts it, is refused. */
export function documentSizeRefusal(bytes: number): Refusal | undefined {
  if (bytes <= maxDocumentBytes) return undefined
  return {
    code: 'DOCFERRY_TOO_LARGE',
    message: `${formatCount(bytes)} bytes; a Firestore document holds at most ${formatCount(maxDocumentBytes)}`
  }
}

/** Why a string or bytes of this length are refused. */
export function valueSizeRefusal(bytes: number): Omit<Refusal, 'path'> | undefined {
  if (bytes <= maxValueBytes) return undefined
  return {
    code: 'DOCFERRY_TOO_LARGE',
    message: `a value of ${formatCount(bytes)} bytes; Firestore takes at most ${formatCount(maxValueBytes)}`
  }
}

/** Why the names on the way to a value can't be so many: in UTF-8, with one more byte between two; lists add none. */
export function fieldPathRefusal(bytes: number): Refusal | undefined {
  if (bytes <= maxNameBytes) return undefined
  const message = `a field path has ${formatCount(bytes)} bytes; Firestore takes at most ${formatCount(maxNameBytes)} for all names on the way together`
  return { code: 'DOCFERRY_BAD_FIELD', message }
}

/** Why a document can't have this id. */
export function idRefusal(id: string): Refusal | undefined {
  const problem = nameProblem(id, 'Firestore document id')
  return problem === undefined || integerIdOf(id) !== undefined ? undefined : { code: 'DOCFERRY_BAD_ID', message: problem }
}

/**
 * Whether an id is a path inside its collection, to a document of a subcollection: `x/runs/y`. How long a whole path may be (6 KiB by the
 * documentation) is left to the service.
 */
export function isDocumentPath(id: string): boolean {
  if (!id.includes('/')) return false
  const names = id.split('/')
  if (names.length % 2 === 0 || names.length >= 2 * maxPathDocuments) return false
  return names.every((name, index) => (index % 2 === 0 ? idRefusal(name) : collectionRefusal(name)) === undefined)
}

/** Why a collection can't have this name. */
export function collectionRefusal(name: string): Refusal | undefined {
  const problem = nameProblem(name, 'Firestore collection name')
  return problem === undefined ? undefined : { code: 'DOCFERRY_COLLECTION_NAME', message: problem }
}

function nameProblem(name: string, what: string): string | undefined {
  if (name === '') return `a ${what} cannot be empty`
  if (name === '.' || name === '..') return `a ${what} cannot be . or ..`
  if (name.includes('/')) return `a ${what} cannot contain /`
  if (reserved.test(name)) return `a ${what} cannot begin and end with two underscores (reserved)`
  if (!isWellFormed(name)) return `a ${what} cannot contain half a surrogate pair`
  const bytes = Buffer.byteLength(name)
  return bytes > maxNameBytes ? `a ${what} has at most ${formatCount(maxNameBytes)} bytes; this has ${formatCount(bytes)}` : undefined
}

/** Size of a document's name as Firestore counts it. @param path relative to the database: `agents/abc` */
export function nameBytes(path: string): number {
  return Buffer.byteLength(path) + 1 + nameOverheadBytes
}
