/**
 * Bytes to lines, of which most need no parsing where documents travel packed: blocks of whole lines go through the kernel, or through a worker
 * and its stages, and what these leave comes as lines.
 */
import { packLines } from '../kernel/kernel.ts'
import type { BlockPlace, LineWorker, Packed, PackedLines, Packing, Stretch } from '../packed.ts'
import { BlockSplitter } from './blocks.ts'
import type { Block } from './blocks.ts'
import { mayBeControl } from './document-line.ts'
import type { Line, LineSplitter } from './lines.ts'

/** Several lines, one after the other. */
export interface PackedRun {
  readonly packed: Packed
  /** As they were. */
  readonly raw: Buffer
  readonly came?: PackedLines['came']
}

/** What is taken before the next is asked for. */
export type Pieces = Iterable<Line | PackedRun>

type Chunks = AsyncIterable<Buffer>

const newline = 0x0a

/** Every line by itself. */
export async function* plainPieces(chunks: Chunks, splitter: LineSplitter): AsyncGenerator<Pieces, void, undefined> {
  for await (const chunk of chunks) yield splitter.push(chunk)
  yield lastOf(splitter)
}

/** @param splitter numbers the lines, and cuts those that are not packed; whoever takes packed ones has it skip them */
export async function* packedPieces(chunks: Chunks, splitter: LineSplitter, packing: Packing): AsyncGenerator<Pieces, void, undefined> {
  const blocks = new BlockSplitter()
  for await (const chunk of chunks) {
    for (const { bytes, isSound } of blocks.push(chunk)) {
      yield isSound ? piecesOf(bytes, 0, packLines(bytes, packing), splitter) : splitter.push(bytes)
    }
  }
  yield splitter.push(blocks.end().bytes)
  yield lastOf(splitter)
}

/** A block under way. */
interface Job extends Block {
  /** Where its documents were taken to be; missing where they are not worked on. */
  readonly place?: BlockPlace | undefined
  readonly answer?: Promise<readonly Stretch[]>
}

/**
 * The same with several blocks under way, in their order.
 *
 * @param placeOf where the documents are that follow what was taken last, the same object for the same place; undefined where these are not to be worked on
 */
export async function* workedPieces(
  chunks: Chunks,
  splitter: LineSplitter,
  { worker, placeOf }: { readonly worker: LineWorker; readonly placeOf: () => BlockPlace | undefined }
): AsyncGenerator<Pieces, void, undefined> {
  const jobs: Job[] = []
  const begin = (block: Block): Job => {
    const place = block.isSound ? placeOf() : undefined
    if (!place) return block
    const answer = worker.work(block.bytes, place)
    // Whether it fails is asked when its turn comes.
    answer.catch(() => undefined)
    return { ...block, place, answer }
  }

  async function* finish(job: Job): AsyncGenerator<Pieces, void, undefined> {
    const { bytes, place, answer } = job.isSound && job.place !== placeOf() ? begin(job) : job
    if (!answer) return yield splitter.push(bytes)
    let open: Stretch[] = []
    let from = 0
    let at = 0
    for (const stretch of await answer) {
      open.push(stretch)
      at = endOf(stretch, at)
      if ('packed' in stretch || !mayBeControl(bytes.subarray(stretch.from))) continue
      yield piecesOf(bytes, from, open, splitter)
      open = []
      from = at
      // The rest is of another collection than it was worked on for.
      if (place !== placeOf()) return yield* finish({ bytes: bytes.subarray(at), isSound: true })
    }
    if (open.length > 0) yield piecesOf(bytes, from, open, splitter)
  }

  const blocks = new BlockSplitter()
  let isFirst = true
  let failed: { readonly error: unknown } | undefined
  try {
    for await (const chunk of chunks) {
      for (const block of blocks.push(chunk)) {
        let { bytes } = block
        if (isFirst && block.isSound) {
          // What the first line says holds for all that follow.
          bytes = bytes.subarray(bytes.indexOf(newline) + 1)
          yield splitter.push(block.bytes.subarray(0, block.bytes.length - bytes.length))
        }
        isFirst = false
        if (bytes.length > 0) jobs.push(begin({ ...block, bytes }))
        while (jobs.length >= worker.atOnce) yield* finish(jobs.shift()!)
      }
    }
  } catch (error) {
    failed = { error }
  }
  for (let job = jobs.shift(); job; job = jobs.shift()) yield* finish(job)
  if (failed) throw failed.error
  yield splitter.push(blocks.end().bytes)
  yield lastOf(splitter)
}

/** @param from where the first of the stretches begins */
function* piecesOf(
  block: Buffer,
  from: number,
  stretches: readonly Stretch[],
  splitter: LineSplitter
): Generator<Line | PackedRun, void, undefined> {
  let at = from
  for (const stretch of stretches) {
    const end = endOf(stretch, at)
    const raw = block.subarray(at, end)
    if ('packed' in stretch) yield { packed: stretch.packed, raw, ...(stretch.came && { came: stretch.came }) }
    else yield* splitter.push(raw)
    at = end
  }
}

function endOf(stretch: Stretch, from: number): number {
  return 'packed' in stretch ? from + stretch.bytes : stretch.to + 1
}

function lastOf(splitter: LineSplitter): Line[] {
  const last = splitter.end()
  return last ? [last] : []
}
