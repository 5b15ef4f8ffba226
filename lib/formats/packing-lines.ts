/**
 * Bytes to lines, of which most need no parsing where documents travel packed: blocks of whole lines go through the kernel, or through a worker
 * and its stages, and what these leave comes as lines.
 */
import { BufferPool } from '../kernel/buffer-pool.ts'
import { copyBytes } from '../kernel/copy-bytes.ts'
import { packLines } from '../kernel/kernel.ts'
import type { BlockPlace, LinePacker, LineWorker, Packed, PackedLines, Packing, Stretch } from '../packed.ts'
import { BlockSplitter } from './blocks.ts'
import type { Block } from './blocks.ts'
import { mayBeControl } from './document-line.ts'
import type { Line, LineSplitter } from './lines.ts'

/** Several lines, one after the other. */
export interface PackedRun {
  readonly packed: Packed
  /** As they were, in parts. */
  readonly raw: readonly Buffer[]
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

/**
 * @param chunks each of which may be used again once the next is asked for
 * @param splitter numbers the lines, and cuts those that are not packed; whoever takes packed ones has it skip them
 */
export async function* packedPieces(chunks: Chunks, splitter: LineSplitter, packing: Packing): AsyncGenerator<Pieces, void, undefined> {
  const blocks = new BlockSplitter()
  const { most = Infinity } = packing
  // So that pages end where batches do.
  let given = 0
  for await (const chunk of chunks) {
    for (const { parts, isSound } of blocks.push(chunk)) {
      const stretches = isSound ? packLines(parts, packing, { room: most - (given % most) }) : []
      given = stretches.reduce((sum, stretch) => sum + ('packed' in stretch ? stretch.packed.count : 1), given)
      yield isSound ? piecesOf(parts, 0, stretches, splitter) : linesOf(copiesOf(parts), splitter)
    }
  }
  yield linesOf(blocks.end().parts, splitter)
  yield lastOf(splitter)
}

/** As many as are under way where there are a few threads. */
const memoriesKept = 8

/** A block that is being packed. */
interface PackJob {
  readonly parts: readonly Buffer[]
  /** Missing of one that is not sound. */
  readonly stretches?: readonly Stretch[] | Promise<readonly Stretch[]>
}

/** The same with several blocks under way, in their order. */
export async function* piecesOfPacker(chunks: Chunks, splitter: LineSplitter, packer: LinePacker): AsyncGenerator<Pieces, void, undefined> {
  const begin = ({ parts, isSound }: Block): PackJob => {
    if (!isSound) return { parts: copiesOf(parts) }
    const stretches = packer.pack(parts)
    // Whether it fails is asked when its turn comes.
    if (stretches instanceof Promise) stretches.catch(() => undefined)
    return { parts, stretches }
  }
  const jobs: { readonly chunk: Buffer; readonly blocks: readonly PackJob[] }[] = []
  async function* finish(): AsyncGenerator<Pieces, void, undefined> {
    const { chunk, blocks } = jobs.shift()!
    for (const { parts, stretches } of blocks) yield stretches ? piecesOf(parts, 0, await stretches, splitter) : linesOf(parts, splitter)
    packer.give(chunk)
  }
  const blocks = new BlockSplitter()
  let failed: { readonly error: unknown } | undefined
  try {
    for await (const chunk of chunks) {
      jobs.push({ chunk, blocks: Array.from(blocks.push(chunk), begin) })
      while (jobs.length >= packer.atOnce) yield* finish()
    }
  } catch (error) {
    failed = { error }
  }
  while (jobs.length > 0) yield* finish()
  if (failed) throw failed.error
  yield linesOf(blocks.end().parts, splitter)
  yield lastOf(splitter)
}

/** Of what is not sound, the splitter may keep a part. */
const copiesOf = (parts: readonly Buffer[]): Buffer[] => parts.map(part => Buffer.from(part))

/** A block under way. */
interface Job {
  readonly bytes: Buffer
  readonly isSound: boolean
  /** That it lies in, and others will. */
  readonly memory?: Buffer | undefined
  /** Where its documents were taken to be; missing where they are not worked on. */
  readonly place?: BlockPlace | undefined
  readonly answer?: Promise<readonly Stretch[]>
}

/**
 * The same with several blocks under way, in their order: each where threads can read it too.
 *
 * @param placeOf where the documents are that follow what was taken last, the same object for the same place; undefined where these are not to be worked on
 */
export async function* workedPieces(
  chunks: Chunks,
  splitter: LineSplitter,
  { worker, placeOf }: { readonly worker: LineWorker; readonly placeOf: () => BlockPlace | undefined }
): AsyncGenerator<Pieces, void, undefined> {
  const jobs: Job[] = []
  const begin = ({ bytes, isSound, memory }: Job): Job => {
    const place = isSound ? placeOf() : undefined
    if (!place) return { bytes, isSound, memory }
    const answer = worker.work(bytes, place)
    // Whether it fails is asked when its turn comes.
    answer.catch(() => undefined)
    return { bytes, isSound, memory, place, answer }
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
      if ('packed' in stretch || !mayBeControl(bytes.subarray(stretch.from, stretch.to))) continue
      yield piecesOf([bytes], from, open, splitter)
      open = []
      from = at
      // The rest is of another collection than it was worked on for.
      if (place !== placeOf()) return yield* finish({ bytes: bytes.subarray(at), isSound: true })
    }
    if (open.length > 0) yield piecesOf([bytes], from, open, splitter)
  }

  const memories = new BufferPool(memoriesKept, { isShared: true })
  async function* finishFirst(): AsyncGenerator<Pieces, void, undefined> {
    const job = jobs.shift()!
    yield* finish(job)
    if (!job.memory) return
    // Nobody may have waited for it: it was for another collection. Whoever is at it still reads the block.
    await job.answer?.catch(() => undefined)
    memories.give(job.memory)
  }
  const jobOf = ({ parts, isSound }: Block): Job => {
    if (!isSound) return { bytes: Buffer.concat(parts), isSound }
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const memory = memories.take(length)
    let to = 0
    for (const part of parts) to = copyBytes(part, memory, to)
    return { bytes: memory.subarray(0, length), isSound, memory }
  }

  const blocks = new BlockSplitter()
  let isFirst = true
  let failed: { readonly error: unknown } | undefined
  try {
    for await (const chunk of chunks) {
      for (const block of blocks.push(chunk)) {
        let job = jobOf(block)
        if (isFirst && job.isSound) {
          // What the first line says holds for all that follow.
          const end = job.bytes.indexOf(newline) + 1
          yield splitter.push(job.bytes.subarray(0, end))
          job = { ...job, bytes: job.bytes.subarray(end) }
        }
        isFirst = false
        if (job.bytes.length > 0) jobs.push(begin(job))
        while (jobs.length >= worker.atOnce) yield* finishFirst()
      }
    }
  } catch (error) {
    failed = { error }
  }
  while (jobs.length > 0) yield* finishFirst()
  if (failed) throw failed.error
  yield linesOf(blocks.end().parts, splitter)
  yield lastOf(splitter)
}

/** @param from where the first of the stretches begins */
function* piecesOf(
  parts: readonly Buffer[],
  from: number,
  stretches: readonly Stretch[],
  splitter: LineSplitter
): Generator<Line | PackedRun, void, undefined> {
  let at = from
  for (const stretch of stretches) {
    const end = endOf(stretch, at)
    const raw = cut(parts, at, end)
    if ('packed' in stretch) yield { packed: stretch.packed, raw, ...(stretch.came && { came: stretch.came }) }
    else yield* linesOf(raw, splitter)
    at = end
  }
}

/** Places in parts that follow one another. */
function cut(parts: readonly Buffer[], from: number, to: number): Buffer[] {
  const found: Buffer[] = []
  let start = 0
  for (const part of parts) {
    const piece = part.subarray(Math.max(0, from - start), Math.max(0, to - start))
    if (piece.length > 0) found.push(piece)
    start += part.length
  }
  return found
}

function* linesOf(parts: readonly Buffer[], splitter: LineSplitter): Generator<Line, void, undefined> {
  for (const part of parts) yield* splitter.push(part)
}

function endOf(stretch: Stretch, from: number): number {
  return 'packed' in stretch ? from + stretch.bytes : stretch.to + 1
}

function lastOf(splitter: LineSplitter): Line[] {
  const last = splitter.end()
  return last ? [last] : []
}
