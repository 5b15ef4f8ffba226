/** What one of several processes says, handed on a whole spec file at a time, so that the files of all of them don't mix. */
import type { MochaListener } from './mocha-process.ts'

export class FileBlocks implements MochaListener {
  readonly #write: (text: string) => void
  readonly #onTimed: ((file: string, seconds: number) => void) | undefined
  #text = ''
  #file: string | undefined
  #startedAt = 0

  constructor(write: (text: string) => void, onTimed?: (file: string, seconds: number) => void) {
    this.#write = write
    this.#onTimed = onTimed
  }

  say(text: string): void {
    this.#text += text
  }

  begin(file: string | undefined): void {
    if (file === this.#file) return
    if (this.#file !== undefined) this.#onTimed?.(this.#file, (performance.now() - this.#startedAt) / 1000)
    this.#file = file
    this.#startedAt = performance.now()
    this.flush()
  }

  /** Hands on what is there of the last file: of a process that has ended, all that it still said. */
  flush(): void {
    if (this.#text !== '') this.#write(this.#text)
    this.#text = ''
  }
}
