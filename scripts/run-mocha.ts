/** Run mocha in a process of its own and count what became of its tests, from mocha's own events. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { TestEvent } from '../spec/support/counting-reporter.ts'

export interface MochaResult {
  readonly passed: number
  /** Skipped tests, tests that never ran, failed hooks, a crash and a process that did not end by itself are failures too. */
  readonly failed: number
  /** What else than a failed test is counted as failed. */
  readonly complaints: readonly string[]
}

export interface MochaOptions {
  readonly cwd: string
  /** Default: this process's own stdout and stderr. */
  readonly stdio?: 'inherit' | 'pipe'
  /** After so long the run is killed; default 15 minutes. */
  readonly deadlineMs?: number
}

/** @param args mocha's own options and compiled spec files */
export async function runMocha(args: readonly string[], options: MochaOptions): Promise<MochaResult> {
  const { cwd, stdio = 'inherit', deadlineMs = 15 * 60_000 } = options
  const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js')
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const reporter = fileURLToPath(new URL(`../spec/support/counting-reporter.${ending}`, import.meta.url))
  const child = fork(mocha, ['--reporter', reporter, ...args], {
    cwd,
    stdio: ['ignore', stdio, stdio, 'ipc'],
    timeout: deadlineMs,
    killSignal: 'SIGKILL'
  })
  child.stdout?.resume()
  child.stderr?.resume()
  const handOn = (signal: NodeJS.Signals): void => void child.kill(signal)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, handOn)

  const counts = { passed: 0, failed: 0, failedHooks: 0, skipped: 0 }
  let total: number | undefined
  let keptOpen = 0
  child.on('message', (event: TestEvent) => {
    if (typeof event === 'string') counts[event]++
    else if ('total' in event) total = event.total
    else keptOpen = 1
  })
  // The channel ends behind the last message.
  const [[code, signal]] = (await Promise.all([once(child, 'exit'), once(child, 'disconnect')])) as [
    [number | null, string | null],
    unknown
  ]
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, handOn)

  const { passed, failed, failedHooks, skipped } = counts
  const neverRan = total === undefined ? 0 : Math.max(0, total - passed - failed - skipped)
  const complaints = [
    [skipped, 'skipped'],
    [failedHooks, 'failed hooks'],
    [neverRan, 'never ran'],
    [keptOpen, 'process kept open'],
    [total === undefined ? 1 : 0, `mocha ended before its report (${signal ?? `exit code ${code}`})`],
    [total === 0 ? 1 : 0, 'no test to run']
  ] as const
  return {
    passed,
    failed: failed + complaints.reduce((sum, [count]) => sum + count, 0),
    complaints: complaints.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]))
  }
}
