/**
 * JSON in parts of which most elements of lists are packed when their turn comes: where elements begin is guessed by what stood between those
 * before, and whoever takes them (`JsonElements`) knows whether that was right.
 */
import type { ElementRun, LinePacker } from '../packed.ts'

export interface JsonPiece {
  readonly bytes: Buffer
  readonly runs: readonly ElementRun[]
}

/** Of which nothing is packed. */
export async function* plainJson(chunks: AsyncIterable<Buffer>): AsyncGenerator<JsonPiece, void, undefined> {
  for await (const bytes of chunks) yield { bytes, runs: [] }
}

/** A piece that is being packed. */
interface Job {
  readonly bytes: Buffer
  /** Missing where nothing was known of the separator when it came. */
  readonly runs: ReturnType<LinePacker['packElements']> | undefined
}

/**
 * @param chunks out of the packer's places, or as they are for as long as they are under way
 * @param separatorOf what is known when it is asked for
 * @returns pieces, each good until the next is asked for
 */
export async function* packedJson(
  chunks: AsyncIterable<Buffer>,
  packer: LinePacker,
  separatorOf: () => Buffer | undefined
): AsyncGenerator<JsonPiece, void, undefined> {
  const begin = (bytes: Buffer): Job => {
    const separator = separatorOf()
    const runs = separator && packer.packElements(bytes, separator)
    // Whether it fails is asked when its turn comes.
    if (runs instanceof Promise) runs.catch(() => undefined)
    return { bytes, runs }
  }
  const jobs: Job[] = []
  async function* finish(): AsyncGenerator<JsonPiece, void, undefined> {
    const { bytes, runs = begin(bytes).runs ?? [] } = jobs.shift()!
    yield { bytes, runs: await runs }
    packer.give(bytes)
  }
  let failed: { readonly error: unknown } | undefined
  try {
    for await (const chunk of chunks) {
      for (let from = 0; from < chunk.length; from += packer.placeBytes) {
        jobs.push(begin(chunk.subarray(from, from + packer.placeBytes)))
        while (jobs.length >= packer.atOnce) yield* finish()
      }
    }
  } catch (error) {
    failed = { error }
  }
  while (jobs.length > 0) yield* finish()
  if (failed) throw failed.error
}
