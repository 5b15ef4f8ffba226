/** A process that only collects what is written to it. */
import { EventEmitter } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Host } from '../../../lib/cli/execute.ts'

export class FakeStream extends EventEmitter {
  text = ''
  columns: number | undefined
  rows: number | undefined
  isTTY = false

  write(text: string): boolean {
    this.text += text
    return true
  }
}

/** Those of the hosts of a test. */
const folders: string[] = []
// A hook outside any describe belongs to the whole run.
afterEach('remove the folders of hosts', () => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

export class FakeHost extends EventEmitter implements Host {
  readonly argv: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly stdout = new FakeStream()
  readonly stderr = new FakeStream()
  readonly exits: number[] = []
  #folder: string | undefined

  constructor(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    super()
    this.argv = ['node', 'docferry', ...args]
    this.env = env
  }

  /** Made for whoever asks: most never do. */
  cwd(): string {
    if (this.#folder === undefined) {
      this.#folder = mkdtempSync(join(tmpdir(), 'docferry-host-'))
      folders.push(this.#folder)
    }
    return this.#folder
  }

  exit(code: number): void {
    this.exits.push(code)
  }
}
