/** The file of what stages remember: pieces in the order in which they were acknowledged, appended before each checkpoint. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { DocferryError, describeError } from '../errors.ts'
import type { StagePiece } from '../engine/tally.ts'
import { LineSplitter } from '../formats/lines.ts'
import { parseText } from '../values/index.ts'

export const stageMemoryName = 'stages.ndjson'

/** Added and written in turn, by whoever makes the checkpoints. */
export class StageMemory {
  readonly #path: string
  #bytes: number
  #waiting = ''

  /** @param bytes that belong to the checkpoint that the run goes on from; what is behind them is cut off by the first write */
  constructor(path: string, bytes = 0) {
    this.#path = path
    this.#bytes = bytes
  }

  /** @returns how long the file will be once these are written */
  add(pieces: readonly StagePiece[]): number {
    for (const piece of pieces) this.#waiting += `${JSON.stringify(piece)}\n`
    return this.#bytes + Buffer.byteLength(this.#waiting)
  }

  /** On disk when this resolves. @throws {DocferryError} DOCFERRY_STATE */
  async write(): Promise<void> {
    if (this.#waiting === '') return
    const bytes = Buffer.from(this.#waiting)
    this.#waiting = ''
    try {
      const file = await open(this.#path, this.#bytes > 0 ? 'r+' : 'w', 0o600)
      try {
        await file.truncate(this.#bytes)
        for (let done = 0; done < bytes.length;)
          done += (await file.write(bytes, done, bytes.length - done, this.#bytes + done)).bytesWritten
        await file.sync()
      } finally {
        await file.close()
      }
    } catch (error) {
      throw unusable(this.#path, error)
    }
    this.#bytes += bytes.length
  }

  /** @throws {DocferryError} DOCFERRY_STATE where the file is shorter than its checkpoint says, or damaged */
  async *read(): AsyncGenerator<StagePiece> {
    if (this.#bytes === 0) return
    const splitter = new LineSplitter()
    let seen = 0
    try {
      for await (const chunk of createReadStream(this.#path, { end: this.#bytes - 1 })) {
        seen += (chunk as Buffer).length
        for (const { bytes } of splitter.push(chunk as Buffer)) yield parseText(bytes.toString()) as StagePiece
      }
    } catch (error) {
      throw unusable(this.#path, error)
    }
    if (seen < this.#bytes) throw unusable(this.#path, new Error(`it has ${seen} of ${this.#bytes} bytes`))
  }
}

function unusable(path: string, cause: unknown): DocferryError {
  return new DocferryError('DOCFERRY_STATE', `what stages remember can't be kept in ${path}: ${describeError(cause)}`, { cause })
}
