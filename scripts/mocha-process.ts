/** Mocha in a process of its own: what became of its tests, from mocha's own events, and what it says. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestEvent } from '../spec/support/counting-reporter.ts'

export interface MochaCounts {
  readonly passed: number
  readonly failed: number
  readonly failedHooks: number
  readonly skipped: number
  /** Of the tests that mocha would have run; undefined where it ended before its report. */
  readonly total: number | undefined
  readonly keptOpen: number
  /** What tests have made in the temporary folder and not removed. */
  readonly left: readonly string[]
  /** `SIGKILL`, `exit code 3` */
  readonly end: string
}

/** Called for each piece of what a process says, and with the file whose tests come next: undefined behind the last one. */
export interface MochaListener {
  say(text: string): void
  begin(file: string | undefined): void
}

export interface ProcessOptions {
  readonly cwd: string
  /** Where to say things; default this process's own stdout and stderr. */
  readonly listener?: MochaListener | undefined
  /** After so long the process is killed. */
  readonly deadlineMs: number
}

/** What an orphan of a dead process holds open is not waited for. */
const lastWordsMs = 2_000

/**
 * The process has a temporary folder of its own, which is removed in any case, also where it was killed.
 *
 * @param args mocha's own options and compiled spec files
 */
export async function runProcess(args: readonly string[], options: ProcessOptions): Promise<MochaCounts> {
  const folder = await mkdtemp(join(tmpdir(), 'docferry-mocha-'))
  try {
    const counts = await runIn(folder, args, options)
    return { ...counts, left: (await readdir(folder)).filter(name => name.startsWith('docferry-')) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function runIn(folder: string, args: readonly string[], options: ProcessOptions): Promise<Omit<MochaCounts, 'left'>> {
  const { cwd, listener, deadlineMs } = options
  const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js')
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const reporter = fileURLToPath(new URL(`../spec/support/counting-reporter.${ending}`, import.meta.url))
  const setup = fileURLToPath(new URL(`../spec/support/spoil-what-is-free.${ending}`, import.meta.url))
  const how = listener === undefined ? [] : ['--reporter-option', 'told=true', ...(process.stdout.isTTY ? ['--color'] : [])]
  const stdio = listener === undefined ? 'inherit' : 'pipe'
  const child = fork(mocha, ['--reporter', reporter, '--require', setup, ...how, ...args], {
    cwd,
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', stdio, stdio, 'ipc'],
    timeout: deadlineMs,
    killSignal: 'SIGKILL'
  })
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => listener?.say(text))
  child.once('exit', () => setTimeout(() => [child.stdout, child.stderr].forEach(stream => stream?.destroy()), lastWordsMs).unref())
  const handOn = (signal: NodeJS.Signals): void => void child.kill(signal)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, handOn)

  const counts = { passed: 0, failed: 0, failedHooks: 0, skipped: 0 }
  let total: number | undefined
  let keptOpen = 0
  child.on('message', (event: TestEvent) => {
    if (typeof event === 'string') counts[event]++
    else if ('total' in event) total = event.total
    else if ('said' in event) listener?.say(event.said)
    else if ('file' in event) listener?.begin(event.file)
    else if ('filesDone' in event) listener?.begin(undefined)
    else keptOpen = 1
  })
  // The channel ends behind the last message, 'close' comes behind the last output.
  const [[code, signal]] = (await Promise.all([once(child, 'close'), once(child, 'disconnect')])) as [
    [number | null, string | null],
    unknown
  ]
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, handOn)
  return { ...counts, total, keptOpen, end: signal ?? `exit code ${code}` }
}
