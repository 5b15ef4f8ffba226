/** The files of a folder while they are written: a few are open, the others rest, and nothing is held of them but where they stand. */
import { dirname, join } from 'node:path'
import { cutBack } from '../../engine/atomic-file.ts'
import { makeFolder } from '../../engine/make-folder.ts'
import { runParallel } from '../../engine/run-parallel.ts'
import { compressed } from '../../formats/byte-sink.ts'
import { plainText } from '../../formats/export-text.ts'
import { ExportBooks } from '../../formats/export-books.ts'
import type { ExportState } from '../../formats/export-books.ts'
import type { StatedCollection } from '../../formats/trailer-text.ts'
import { ExportWriter } from '../../formats/export-writer.ts'
import type { OutputPart } from '../../types.ts'
import { FileSink } from './file-sink.ts'

/** How many may be open, and how many of these are made durable and closed together: what a file system does for one it does for several in nearly the same time. */
const mostOpen = 64
const restedAtOnce = 16

/** Where a file stands; plain JSON. */
export interface StandingFile {
  readonly bytes: number
  readonly state: ExportState
}

/** The same; of a file that nobody has gone on with, as it was kept. */
interface Standing {
  readonly bytes: number
  readonly at: ExportBooks | ExportState
}

export interface FolderFilesOptions {
  /** Gives the folder, made if it has to be. */
  readonly folder: () => Promise<string>
  /** A collection's file, from the folder. */
  readonly nameOf: (collection: string) => string
  readonly gzip: boolean
  readonly level?: number | undefined
  readonly provider: string
  /** Whether digests of the documents are wanted. */
  readonly digests: boolean
  /** Go on with files that stand here, by their collections; others that are there are begun again. */
  readonly suspended?: Readonly<Record<string, StandingFile>> | undefined
}

interface OpenFile {
  readonly sink: FileSink
  readonly writer: ExportWriter
}

interface Kept {
  readonly collection: string
  readonly file: string
  /** What is done with it, one thing after the other, and how many things that are. */
  queue: Promise<unknown>
  pending: number
  open?: OpenFile | undefined
  isMade: boolean
  /** Whether nothing was written into it. */
  isEmpty: boolean
  /** Where it stands, and that this is on disk; missing once something was written behind it, and of one that is empty. */
  stands?: Standing | undefined
  /** Of one that is whole and was open at the end. */
  stated?: Iterable<StatedCollection>
  /** Why nothing more can be done with it. */
  failure?: { readonly error: unknown }
}

export class FolderFiles {
  readonly #options: FolderFilesOptions
  readonly #all = new Map<string, Kept>()
  /** Those that are open: what was used last comes last. */
  readonly #open = new Set<Kept>()
  #resting: Promise<void> | undefined
  #isOver = false

  constructor(options: FolderFilesOptions) {
    this.#options = options
    for (const [collection, { bytes, state }] of Object.entries(options.suspended ?? {})) this.#add(collection, { bytes, at: state })
  }

  /** Whatever is written into it, the collection has a file from now on. */
  async make(collection: string): Promise<void> {
    const kept = this.#of(collection)
    await this.#inTurn(kept, async () => {
      if (!kept.stands) return await this.#makeFile(kept)
      await cutBack({ partial: join(await this.#options.folder(), kept.file), bytes: kept.stands.bytes })
      kept.isMade = true
    })
  }

  async write(collection: string, work: (writer: ExportWriter) => Promise<void>): Promise<void> {
    const kept = this.#of(collection)
    await this.#inTurn(kept, async () => {
      const { writer } = await this.#opened(kept)
      kept.stands = undefined
      kept.isEmpty = false
      await work(writer)
    })
  }

  /** @returns where all stand that are not empty, which is on disk: by its collection, a `StandingFile` */
  async suspend(): Promise<readonly OutputPart[]> {
    const moved = [...this.#all.values()].filter(kept => !kept.stands && !kept.isEmpty)
    await runParallel(moved, restedAtOnce, kept =>
      this.#inTurn(kept, async () => {
        const open = await this.#opened(kept)
        kept.stands = await standing(open)
      })
    )
    return [...this.#all.values()].flatMap(({ collection, stands }) => {
      return stands ? [{ name: collection, version: stands, value: () => keptOf(stands) }] : []
    })
  }

  /** Make all of them whole, and durable. */
  async end(): Promise<void> {
    // Compressed, a file without bytes is not whole.
    const unfinished = [...this.#all.values()].filter(({ open, isEmpty, stands }) => open || isEmpty || stands?.bytes === 0)
    await runParallel(unfinished, restedAtOnce, kept =>
      this.#inTurn(kept, async () => {
        const { writer, sink } = await this.#opened(kept)
        await writer.end()
        await sink.sync()
        kept.stated = writer.stated()
        await this.#close(kept)
      })
    )
  }

  /** Those that have a file, in the order in which they got it. */
  get collections(): readonly string[] {
    return [...this.#all.keys()]
  }

  /** What the files hold, once they are whole: one at a time, for together that may be much. */
  *stated(): Generator<readonly [file: string, stated: StatedCollection], void, undefined> {
    for (const { file, stated, stands } of this.#all.values())
      for (const each of stated ?? booksOf(stands!).stated(this.#options)) yield [file, each]
  }

  /** Give up. Resolves when nothing is written any more, so that somebody else may go on with the files. */
  async destroy(): Promise<void> {
    this.#isOver = true
    for (const { open } of this.#open) open?.writer.destroy()
    await Promise.all([...this.#all.values()].filter(({ pending }) => pending > 0).map(({ queue }) => queue))
    const left = [...this.#open]
    this.#open.clear()
    for (const { open } of left) open?.writer.destroy()
    await Promise.all(left.map(async ({ open }) => await open?.sink.close().catch(() => undefined)))
  }

  #of(collection: string): Kept {
    return this.#all.get(collection) ?? this.#add(collection)
  }

  #add(collection: string, stands?: Standing): Kept {
    const isThere = stands !== undefined
    const file = this.#options.nameOf(collection)
    const kept: Kept = { collection, file, queue: Promise.resolve(), pending: 0, stands, isMade: isThere, isEmpty: !isThere }
    this.#all.set(collection, kept)
    return kept
  }

  async #inTurn(kept: Kept, work: () => Promise<void>): Promise<void> {
    kept.pending++
    const done = kept.queue.then(() => {
      if (this.#isOver) throw new Error('the output was given up')
      return work()
    })
    kept.queue = done.catch(() => undefined)
    try {
      await done
    } finally {
      kept.pending--
    }
  }

  async #opened(kept: Kept): Promise<OpenFile> {
    if (kept.failure) throw kept.failure.error
    if (!kept.open) {
      await this.#makeRoom()
      kept.open = await this.#openFile(kept)
    }
    this.#open.delete(kept)
    this.#open.add(kept)
    return kept.open
  }

  /** Empty, where it was not made yet: thousands are made before the first document comes. */
  async #makeFile(kept: Kept): Promise<void> {
    if (kept.isMade) return
    const { folder, suspended } = this.#options
    const place = join(await folder(), kept.file)
    if (dirname(kept.file) !== '.') await makeFolder(dirname(place))
    // One that was begun behind the checkpoint is begun again.
    const sink = await FileSink.open(place, { flags: suspended ? 'w' : 'wx' })
    kept.isMade = true
    await sink.close()
  }

  async #openFile(kept: Kept): Promise<OpenFile> {
    const { folder, gzip, level, provider, digests } = this.#options
    const { collection, file, stands } = kept
    const place = join(await folder(), file)
    await this.#makeFile(kept)
    const sink = await FileSink.open(place, { flags: 'r+', ...(stands && { position: stands.bytes }) })
    const options = { text: plainText, provider, mayReopen: true, digests, books: stands && booksOf(stands) }
    const writer = new ExportWriter(gzip ? compressed(sink, level) : sink, options)
    writer.announce(collection)
    return { sink, writer }
  }

  #makeRoom(): Promise<void> | undefined {
    if (this.#open.size < mostOpen) return undefined
    return (this.#resting ??= this.#restSome().finally(() => (this.#resting = undefined)))
  }

  /** Only those with which nothing is done: what is waited for here waits for nobody. */
  async #restSome(): Promise<void> {
    const idle = [...this.#open].filter(({ pending }) => pending === 0).slice(0, restedAtOnce)
    await Promise.all(idle.map(kept => this.#inTurn(kept, () => this.#rest(kept))))
  }

  async #rest(kept: Kept): Promise<void> {
    try {
      if (!kept.isEmpty) kept.stands ??= await standing(kept.open!)
      await this.#close(kept)
    } catch (error) {
      kept.failure = { error }
      throw error
    }
  }

  async #close(kept: Kept): Promise<void> {
    this.#open.delete(kept)
    const { sink } = kept.open!
    kept.open = undefined
    await sink.close()
  }
}

async function standing({ writer, sink }: OpenFile): Promise<Standing> {
  const { books, bytes } = await writer.suspend()
  await sink.sync()
  return { bytes, at: books }
}

function booksOf({ at }: Standing): ExportBooks {
  return at instanceof ExportBooks ? at : ExportBooks.from(at)
}

function keptOf({ bytes, at }: Standing): StandingFile {
  return { bytes, state: at instanceof ExportBooks ? at.state() : at }
}
