import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { DocferryError } from '../../errors.ts'
import type { Document } from '../../types.ts'
import { stringifyJson } from '../../values/index.ts'

export type Existing = 'refuse' | 'append' | 'overwrite'

/** Written with one call. */
const bufferedCharacters = 64 * 1024

interface AsideFile {
  readonly path: string
  readonly fd: number
  lines: string[]
  characters: number
  /** Lines are missing from here on: nothing more is written, or taken for written. */
  failure?: Error
}

/**
 * NDJSON files beside a run, written by synchronous calls: a stage that waits for the disk holds back what comes behind it, and a flush has happened when
 * it returns.
 */
export class AsideFiles {
  readonly #path: string
  readonly #existing: Existing
  readonly #files = new Map<string, AsideFile>()
  #isOff = false
  #resumed = false

  /** @param path `{collection}` in it stands for the name of the collection */
  constructor(path: string, existing: Existing) {
    this.#path = path
    this.#existing = existing
  }

  /** @throws {DocferryError} DOCFERRY_OUTPUT_EXISTS, DOCFERRY_CONFIG where the file can't be made; also from `write`, where there is one for each collection */
  open({ dryRun, resumed }: { readonly dryRun: boolean; readonly resumed: boolean }): void {
    this.#isOff = dryRun
    this.#resumed = resumed
    if (!dryRun && !this.#path.includes(placeholder)) this.#file('')
  }

  write(collection: string, document: Document): void {
    if (this.#isOff) return
    const file = this.#file(collection)
    if (file.failure) throw file.failure
    const line = stringifyJson(document)
    file.lines.push(line)
    file.characters += line.length
    if (file.characters >= bufferedCharacters) flush(file)
  }

  /** What was written is with the operating system. */
  flush(): void {
    for (const file of this.#files.values()) flush(file)
  }

  close(): void {
    const files = [...this.#files.values()]
    this.#files.clear()
    let failure: unknown
    for (const file of files) {
      try {
        flush(file)
        fdatasyncSync(file.fd)
      } catch (error) {
        failure ??= error
      } finally {
        closeSync(file.fd)
      }
    }
    if (failure !== undefined) throw failure
  }

  describe(): string {
    return this.#isOff ? `; nothing is written to ${this.#path} in a dry run` : `, written to ${this.#path}`
  }

  #file(collection: string): AsideFile {
    const path = this.#path.replaceAll(placeholder, () => fileName(collection))
    let file = this.#files.get(path)
    if (!file) this.#files.set(path, (file = { path, fd: this.#openFile(path), lines: [], characters: 0 }))
    return file
  }

  #openFile(path: string): number {
    const flags = this.#resumed || this.#existing === 'append' ? 'a+' : this.#existing === 'overwrite' ? 'w' : 'wx'
    let fd: number
    try {
      fd = openSync(path, flags, 0o600)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') {
        throw new DocferryError('DOCFERRY_OUTPUT_EXISTS', `file: ${path} exists already: give another, or existing: append or overwrite`)
      }
      throw new DocferryError('DOCFERRY_CONFIG', `file: ${path} cannot be written (${code ?? 'unknown'})`, { cause: error })
    }
    if (flags === 'a+') endLastLine(fd, this.#resumed)
    return fd
  }
}

const placeholder = '{collection}'

/** No name leads to another folder. */
function fileName(collection: string): string {
  return encodeURIComponent(collection).replace(/^\.+/, dots => '%2E'.repeat(dots.length))
}

function flush(file: AsideFile): void {
  if (file.failure) throw file.failure
  if (file.lines.length === 0) return
  const bytes = Buffer.from(`${file.lines.join('\n')}\n`)
  file.lines = []
  file.characters = 0
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(file.fd, bytes, written)
  } catch (error) {
    file.failure = new Error(`${file.path} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, { cause: error })
    throw file.failure
  }
}

/** A process that was killed may have left a piece of a line, of a document that comes again; what others wrote is not cut. */
function endLastLine(fd: number, isOwn: boolean): void {
  const { size } = fstatSync(fd)
  const chunk = Buffer.alloc(64 * 1024)
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - chunk.length)
    const length = readSync(fd, chunk, 0, end - start, start)
    const newline = chunk.subarray(0, length).lastIndexOf(10)
    if (end === size && newline === length - 1) return
    if (!isOwn) return void writeSync(fd, '\n')
    if (newline !== -1) return ftruncateSync(fd, start + newline + 1)
    end = start
  }
  if (isOwn && size > 0) ftruncateSync(fd, 0)
}
