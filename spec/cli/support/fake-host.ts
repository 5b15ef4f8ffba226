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

/** Those of all hosts, removed when the specs are done. */
const folders: string[] = []
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

export class FakeHost extends EventEmitter implements Host {
  readonly argv: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly stdout = new FakeStream()
  readonly stderr = new FakeStream()
  readonly exits: number[] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'docferry-host-'))

  constructor(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    super()
    this.argv = ['node', 'docferry', ...args]
    this.env = env
    folders.push(this.#folder)
  }

  cwd(): string {
    return this.#folder
  }

  exit(code: number): void {
    this.exits.push(code)
  }
}
