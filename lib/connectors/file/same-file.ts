/**
 * Going on in a file asks for the file that it was: what comes of another would stand beside what was read of the first. So a cursor begins with what the
 * file's size and time of change were (`@SIZE,NANOSECONDS|`), and where the file turned out to be cut, with a digest of what there was
 * (`@SIZE,NANOSECONDS,SHA256|`): the whole file may come in its place, if it begins in the same way. Nothing behind the bar is the file's beginning.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { statExactly } from '../../engine/near-files.ts'
import { DocferryError } from '../../errors.ts'
import type { Cursor, Page } from '../../types.ts'

/** As the system tells them. */
interface Stamp {
  readonly size: bigint
  readonly modifiedNs: bigint
}

/** What a cursor says of the file. */
interface Known extends Stamp {
  /** SHA-256 of all its bytes, where it was cut. */
  readonly sha256: string | undefined
}

export interface SameFileOptions {
  readonly path: string
  /** For messages. */
  readonly name: string
  readonly after: Cursor | undefined
  /** One that it holds. */
  readonly collection: string | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * @param read its pages behind a cursor of its own
 * @throws {DocferryError} DOCFERRY_RUN_UNFIT where the file is another than the one that the cursor is of
 */
export async function* pagesOfSameFile(
  { path, name, after, collection, signal }: SameFileOptions,
  read: (after: Cursor | undefined) => AsyncIterable<Page>
): AsyncGenerator<Page> {
  const stamp = stampOf(await statExactly(path))
  const { known, inner } = divide(after)
  if (known && !(await isSame(known, stamp, path, signal)))
    throw new DocferryError(
      'DOCFERRY_RUN_UNFIT',
      `${name} was changed since it was read: what comes of it now would not fit what is written. Put back what it was, or begin the run anew`
    )
  const start = textOf(stamp)
  let last: Page | undefined
  try {
    for await (const page of read(inner)) {
      last = page
      yield { ...page, cursor: `${start}|${page.cursor}` }
    }
  } catch (error) {
    const within = last?.collection ?? collection
    if (within === undefined || !(error instanceof DocferryError) || error.code !== 'DOCFERRY_FILE_CUT') throw error
    const sha256 = await digestOf(path, stamp.size, signal)
    yield { collection: within, documents: [], bytes: 0, cursor: `${start},${sha256}|${last?.cursor ?? inner ?? ''}` }
    throw error
  }
}

/** The beginning of a file, as a cursor. */
export function startOf(stats: BigIntStats): Cursor {
  return `${textOf(stampOf(stats))}|`
}

async function isSame(known: Known, stamp: Stamp, path: string, signal: AbortSignal | undefined): Promise<boolean> {
  if (known.size === stamp.size && known.modifiedNs === stamp.modifiedNs) return true
  return known.sha256 !== undefined && stamp.size >= known.size && (await digestOf(path, known.size, signal)) === known.sha256
}

function stampOf({ size, mtimeNs }: BigIntStats): Stamp {
  return { size, modifiedNs: mtimeNs }
}

/** Of so many of its first bytes. */
async function digestOf(path: string, bytes: bigint, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256')
  if (bytes > 0n)
    for await (const chunk of createReadStream(path, { end: Number(bytes) - 1, highWaterMark: 256 << 10, signal }))
      hash.update(chunk as Buffer)
  return hash.digest('hex')
}

function textOf({ size, modifiedNs }: Stamp): string {
  return `@${size},${modifiedNs}`
}

/** Cursors of older runs say nothing of the file. */
function divide(cursor: Cursor | undefined): { readonly known?: Known; readonly inner: Cursor | undefined } {
  const found = cursor === undefined ? null : /^@(\d+),(\d+)(?:,([0-9a-f]{64}))?\|/.exec(cursor)
  if (!found) return { inner: cursor }
  const [start, size, modifiedNs, sha256] = found as unknown as [string, string, string, string | undefined]
  return { known: { size: BigInt(size), modifiedNs: BigInt(modifiedNs), sha256 }, inner: cursor!.slice(start.length) || undefined }
}
