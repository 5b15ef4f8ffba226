/**
 * Keeps what two sides hold in buckets that differ on disk, in groups that fit into memory: so any number of documents can be compared by
 * their ids.
 */
import { closeSync, createReadStream, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describeError, DocferryError } from '../errors.ts'
import { LineSplitter } from '../formats/lines.ts'
import { parseJson, parseText, stringifyJson } from '../values/index.ts'
import type { Document, DocumentDigests } from '../values/index.ts'
import { bucketOf } from '../values/bucket-sums.ts'
import { Copies } from './copies.ts'
import { idHash } from './id-hash.ts'
import type { Side } from './report.ts'

/** A document as one side holds it. Digests in base64. */
export interface SpooledDocument {
  readonly values: string
  readonly kinds?: string
  /** Why the target refuses it. */
  readonly reason?: string
  /** Where its text is, in bytes; missing where it was not kept. */
  readonly text?: { readonly at: number; readonly length: number }
}

/** All that was found of one id of one collection. */
export interface SpooledId {
  readonly collection: string
  readonly id: string
  readonly source: Copies
  readonly target: Copies
}

type Line = readonly [collection: string, side: 0 | 1, id: string, document: SpooledDocument]

export interface SpoolOptions {
  /** Documents that are thought to come, of both sides. */
  readonly documents: number
  /** Most bytes of documents' texts. Default 256 MB. */
  readonly textBytes?: number
  /** Most ids that are compared in memory at once. Default 40,000. */
  readonly atOnce?: number
}

const mostGroups = 64
const bufferLength = 64 << 10

export class Spool {
  readonly #groups: SpoolFile[]
  readonly #texts: SpoolFile
  readonly #textBytes: number
  readonly #atOnce: number
  #hasAllTexts = true

  /** @param folder for this alone; whoever made it removes it */
  constructor(folder: string, { documents, textBytes = 256 << 20, atOnce = 40_000 }: SpoolOptions) {
    this.#textBytes = textBytes
    this.#atOnce = atOnce
    const groups = Math.max(1, Math.min(mostGroups, Math.ceil(documents / (atOnce / 2))))
    this.#groups = Array.from({ length: groups }, (_, index) => new SpoolFile(join(folder, `group-${index}`)))
    this.#texts = new SpoolFile(join(folder, 'texts'))
  }

  /** Whether the text of every document was kept. */
  get hasAllTexts(): boolean {
    return this.#hasAllTexts
  }

  add(collection: string, side: Side, document: Document, digests: DocumentDigests, reason?: string): void {
    const { _id: id } = document
    const text = this.#keepText(document)
    const spooled: SpooledDocument = {
      values: base64(digests.values),
      ...(digests.kinds && { kinds: base64(digests.kinds) }),
      ...(reason !== undefined && { reason }),
      ...(text && { text })
    }
    const line: Line = [collection, side === 'source' ? 0 : 1, id, spooled]
    this.#groups[bucketOf(id) % this.#groups.length]!.write(`${JSON.stringify(line)}\n`)
  }

  /** All ids, each once. No more is added from then on. */
  async *ids(): AsyncGenerator<SpooledId> {
    this.#texts.flush()
    for (const group of this.#groups) {
      group.flush()
      // However many lines there are, they may be of a few ids.
      const all = await readGroup(group.path, { most: this.#atOnce })
      if (all) yield* all.values()
      else yield* this.#inParts(group)
    }
  }

  async *#inParts({ path, lines }: SpoolFile): AsyncGenerator<SpooledId> {
    const parts = Math.ceil(lines / this.#atOnce)
    for (let part = 0; part < parts; part++) {
      const found = await readGroup(path, { isMeant: id => idHash(id) % parts === part })
      yield* found!.values()
    }
  }

  /** @returns undefined where its text was not kept */
  textOf({ text }: SpooledDocument): Document | undefined {
    return text && (parseJson(this.#texts.read(text.at, text.length)) as Document)
  }

  close(): void {
    for (const file of [...this.#groups, this.#texts]) file.close()
  }

  #keepText(document: Document): SpooledDocument['text'] {
    if (!this.#hasAllTexts) return undefined
    const text = stringifyJson(document)
    const length = Buffer.byteLength(text)
    if (this.#texts.bytes + length > this.#textBytes) {
      this.#hasAllTexts = false
      return undefined
    }
    return { at: this.#texts.write(text), length }
  }
}

/** @returns undefined where there are more than `most` */
async function readGroup(
  path: string,
  { isMeant = () => true, most = Infinity }: { readonly isMeant?: (id: string) => boolean; readonly most?: number }
): Promise<Map<string, SpooledId> | undefined> {
  const found = new Map<string, SpooledId>()
  const splitter = new LineSplitter()
  for await (const chunk of createReadStream(path, { highWaterMark: 256 << 10 }))
    for (const { bytes } of splitter.push(chunk as Buffer)) {
      const [collection, side, id, document] = parseText(bytes.toString()) as Line
      if (!isMeant(id)) continue
      const key = JSON.stringify([collection, id])
      let held = found.get(key)
      if (!held) {
        if (found.size >= most) return undefined
        found.set(key, (held = { collection, id, source: new Copies(), target: new Copies() }))
      }
      ;(side === 0 ? held.source : held.target).add(document)
    }
  return found
}

/** Written from its beginning to its end, in one go, and then read. */
class SpoolFile {
  readonly path: string
  bytes = 0
  lines = 0
  readonly #handle: number
  #waiting: string[] = []
  #waitingLength = 0

  constructor(path: string) {
    this.path = path
    try {
      this.#handle = openSync(path, 'wx+', 0o600)
    } catch (error) {
      throw unwritable(path, error)
    }
  }

  /** @returns where it begins */
  write(text: string): number {
    const at = this.bytes
    this.bytes += Buffer.byteLength(text)
    this.lines++
    this.#waiting.push(text)
    this.#waitingLength += text.length
    if (this.#waitingLength >= bufferLength) this.flush()
    return at
  }

  flush(): void {
    if (this.#waitingLength === 0) return
    const bytes = Buffer.from(this.#waiting.join(''))
    this.#waiting = []
    this.#waitingLength = 0
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#handle, bytes, at)
    } catch (error) {
      throw unwritable(this.path, error)
    }
  }

  read(at: number, length: number): string {
    const bytes = Buffer.allocUnsafe(length)
    for (let read = 0; read < length;) {
      const got = readSync(this.#handle, bytes, read, length - read, at + read)
      if (got === 0) throw new DocferryError('DOCFERRY_STATE', `${this.path} was changed while it was used`)
      read += got
    }
    return bytes.toString()
  }

  close(): void {
    closeSync(this.#handle)
  }
}

function unwritable(path: string, cause: unknown): DocferryError {
  return new DocferryError('DOCFERRY_STATE', `${path} can't be written: ${describeError(cause)}`, { cause })
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
