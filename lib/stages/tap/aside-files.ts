import { closeSync, constants, fdatasyncSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import type { CheckedRun, Document, Location, StageRun } from '../../types.ts'
import { stringifyJson } from '../../values/index.ts'
import { collectionPlaceholder, fillIn } from './file-name.ts'
import { checkApart, checkPlace, claim, exists, isOpenAlready, isThere, keyOf, openExisting, statOf, unwritable } from './file-place.ts'
import { cutTornLine, endLastLine } from './last-line.ts'
import { OwnFiles } from './own-files.ts'
import { formatCount } from '../../values/format-count.ts'

export type Existing = 'refuse' | 'append' | 'overwrite'

/** Written with one call. */
const bufferedCharacters = 64 * 1024

/** Files that fit a line. */
const mostNamed = 5

interface AsideFile {
  readonly path: string
  readonly fd: number
  readonly isRegular: boolean
  readonly key: string
  /** Whether the run has written into it, in this process or another. */
  isBegun: boolean
  lines: string[]
  characters: number
  /** Lines are missing from here on: nothing more is written, or taken for written. */
  failure?: Error
}

/** Files that this process writes, by device and inode: two stages would cut each other's. */
const open = new Set<string>()

/**
 * NDJSON files beside a run, written by synchronous calls: a stage that waits for the disk holds back what comes behind it, and a flush has happened when
 * it returns. Nothing is written outside of a run.
 */
export class AsideFiles {
  readonly #path: string
  readonly #existing: Existing
  readonly #files = new Map<string, AsideFile>()
  readonly #notes: string[] = []
  /** Where the run reads and writes, as far as it has told. */
  #ends: readonly Location[] = []
  /** Paths of the collections that are known before. */
  #known: readonly string[] = []
  #own = new OwnFiles()
  #isOpen = false
  #isDryRun = false

  /** @param path `{collection}` in it stands for the name of the collection */
  constructor(path: string, existing: Existing) {
    this.#path = path
    this.#existing = existing
  }

  /** @throws {DocferryError} DOCFERRY_OUTPUT_EXISTS, DOCFERRY_CONFIG where a file can't be made, as far as its name is known */
  check({ collections = [], ends, files, records }: CheckedRun): void {
    const own = new OwnFiles(records)
    this.#ends = ends
    const paths = this.#path.includes(collectionPlaceholder) ? collections.map(name => this.#pathOf(name)) : [this.#path]
    this.#known = paths
    for (const path of paths) {
      checkApart(path, ends)
      claim(path, files)
      checkPlace(path)
      if (this.#existing === 'refuse' && isThere(path) && !isOwn(path, own)) throw exists(path, own.hasWritten(path))
    }
  }

  /** @throws as `check`; also from `write`, where there is one for each collection */
  open({ dryRun, records }: StageRun): void {
    this.#isDryRun = dryRun
    this.#isOpen = !dryRun
    this.#own = new OwnFiles(records)
    if (this.#isOpen && !this.#path.includes(collectionPlaceholder)) this.#file('')
  }

  write(collection: string, document: Document): void {
    if (!this.#isOpen) return
    const file = this.#file(collection)
    if (file.failure) throw file.failure
    const line = stringifyJson(document)
    file.lines.push(line)
    file.characters += line.length
    if (file.characters >= bufferedCharacters) this.#flush(file)
  }

  /** What was written is with the operating system. */
  flush(): void {
    for (const file of this.#files.values()) this.#flush(file)
  }

  close(): void {
    this.#isOpen = false
    const files = [...this.#files.values()]
    this.#files.clear()
    let failure: unknown
    for (const file of files) {
      try {
        this.#flush(file)
        if (file.isRegular) fdatasyncSync(file.fd)
      } catch (error) {
        failure ??= error
      } finally {
        open.delete(file.key)
        closeSync(file.fd)
      }
    }
    if (failure !== undefined) throw failure
  }

  describe(): string {
    if (this.#isDryRun) return `; nothing is written to ${listed(this.#known) || this.#path} in a dry run`
    const isOne = !this.#path.includes(collectionPlaceholder)
    const paths = isOne ? [this.#path] : [...new Set([...this.#own.written(), ...this.#files.keys()])]
    return paths.length === 0 ? '; no file was written' : `, written to ${listed(paths)}`
  }

  /** What is not as a user might think. */
  notes(): readonly string[] {
    return this.#notes
  }

  #pathOf(collection: string): string {
    return fillIn(this.#path, collectionPlaceholder, collection)
  }

  #file(collection: string): AsideFile {
    const path = this.#pathOf(collection)
    let file = this.#files.get(path)
    if (!file) this.#files.set(path, (file = this.#opened(path)))
    return file
  }

  #opened(path: string): AsideFile {
    // Not every collection's name is known before.
    checkApart(path, this.#ends)
    const file = this.#openOwn(path) ?? this.#openOther(path)
    open.add(file.key)
    return file
  }

  /** @returns undefined where none of the run's own is there */
  #openOwn(path: string): AsideFile | undefined {
    const fd = openExisting(path)
    const from = fd === undefined ? undefined : this.#own.startOf(path, fd)
    if (fd !== undefined && from !== undefined) {
      return heldOr(fd, () => {
        const file = fileOf(path, fd)
        cutTornLine(fd, from)
        const isBegun = fstatSync(fd).size > from
        if (!isBegun && this.#own.hasWritten(path)) this.#notes.push(`${path} was emptied since the run began: ${isMissing}`)
        if (!isBegun) this.#own.made(path, fd, from)
        return { ...file, isBegun }
      })
    }
    if (fd !== undefined) closeSync(fd)
    if (this.#own.hasWritten(path)) this.#notes.push(`${path} was moved, removed or replaced since the run began: ${isMissing}`)
    return undefined
  }

  #openOther(path: string): AsideFile {
    const fd = this.#existing === 'refuse' ? this.#makeNew(path) : openToWrite(path, 0)
    return heldOr(fd, () => {
      const file = fileOf(path, fd)
      if (!file.isRegular) return file
      if (this.#existing === 'overwrite') ftruncateSync(fd, 0)
      else endLastLine(fd)
      this.#own.made(path, fd, fstatSync(fd).size)
      return file
    })
  }

  #makeNew(path: string): number {
    const hadOwn = this.#own.hasWritten(path)
    const giveUp = this.#own.beginMaking(path)
    try {
      return openToWrite(path, constants.O_EXCL)
    } catch (error) {
      if (((error as Error).cause as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      giveUp()
      const found = statOf(path)
      throw found && open.has(keyOf(found)) ? isOpenAlready(path) : exists(path, hadOwn)
    }
  }

  #flush(file: AsideFile): void {
    if (file.failure) throw file.failure
    if (file.lines.length === 0) return
    const bytes = Buffer.from(`${file.lines.join('\n')}\n`)
    file.lines = []
    file.characters = 0
    if (!file.isBegun && file.isRegular) this.#own.willWrite(file.path, bytes)
    file.isBegun = true
    const { size } = fstatSync(file.fd)
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(file.fd, bytes, written)
    } catch (error) {
      if (file.isRegular && fstatSync(file.fd).size === size + written) ftruncateSync(file.fd, size)
      file.failure = new Error(`${file.path} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, { cause: error })
      throw file.failure
    }
  }
}

/** The first of them, and how many there are besides. */
function listed(paths: readonly string[]): string {
  const more = paths.length - mostNamed
  return paths.slice(0, mostNamed).join(', ') + (more > 0 ? ` and ${formatCount(more)} more` : '')
}

const isMissing = 'what was written into it before is not in it'

function openToWrite(path: string, flags: number): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | flags, 0o600)
  } catch (error) {
    throw unwritable(path, error)
  }
}

/** @throws {DocferryError} DOCFERRY_CONFIG where this process writes it already */
function fileOf(path: string, fd: number): AsideFile {
  const stat = fstatSync(fd)
  const isRegular = stat.isFile()
  const key = isRegular ? keyOf(stat) : ''
  if (isRegular && open.has(key)) throw isOpenAlready(path)
  return { path, fd, isRegular, key, isBegun: false, lines: [], characters: 0 }
}

/** Nobody else closes what can't be used. */
function heldOr(fd: number, prepare: () => AsideFile): AsideFile {
  try {
    return prepare()
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function isOwn(path: string, own: OwnFiles): boolean {
  const fd = openExisting(path)
  if (fd === undefined) return false
  try {
    return own.startOf(path, fd) !== undefined
  } finally {
    closeSync(fd)
  }
}
