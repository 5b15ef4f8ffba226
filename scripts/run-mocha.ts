/** Run spec files in one or several mocha processes side by side, and judge what became of their tests. */
import { runProcess } from './mocha-process.ts'
import type { MochaCounts } from './mocha-process.ts'
import { FileBlocks } from './file-blocks.ts'

export interface MochaResult {
  readonly passed: number
  /** Skipped tests, tests that never ran, failed hooks, a crash, a process that did not end by itself and what tests left behind are failures too. */
  readonly failed: number
  /** What else than a failed test is counted as failed. */
  readonly complaints: readonly string[]
}

export interface MochaOptions {
  readonly cwd: string
  /** Takes what mocha says, each file's tests together. Default: a single process says it itself, at once; of several it goes to stdout. */
  readonly write?: (text: string) => void
  /** Called with what each file took. */
  readonly onTimed?: (file: string, seconds: number) => void
  /** After so long the run is killed; default 15 minutes. */
  readonly deadlineMs?: number
}

/**
 * @param args mocha's own options
 * @param shares compiled spec files, by process
 */
export async function runMocha(
  args: readonly string[],
  shares: readonly (readonly string[])[],
  options: MochaOptions
): Promise<MochaResult> {
  const { cwd, write, onTimed, deadlineMs = 15 * 60_000 } = options
  const isHeard = write !== undefined || onTimed !== undefined || shares.length > 1
  const toStdout = (text: string): void => void process.stdout.write(text)
  const running = shares.map(async files => {
    const blocks = isHeard ? new FileBlocks(write ?? toStdout, onTimed) : undefined
    return { blocks, counts: await runProcess([...args, ...files], { cwd, listener: blocks, deadlineMs }) }
  })
  const ended = await Promise.all(running)
  // Mocha's summaries, with what went wrong, stand behind the last test.
  for (const { blocks } of ended) blocks?.flush()
  return judge(ended.map(({ counts }) => counts))
}

function judge(all: readonly MochaCounts[]): MochaResult {
  const sum = (count: (counts: MochaCounts) => number): number => all.reduce((result, counts) => result + count(counts), 0)
  const passed = sum(counts => counts.passed)
  const neverRan = ({ total, passed: ran, failed, skipped }: MochaCounts): number =>
    total === undefined ? 0 : Math.max(0, total - ran - failed - skipped)
  const complaints: readonly (readonly [number, string])[] = [
    [sum(({ skipped }) => skipped), 'skipped'],
    [sum(({ failedHooks }) => failedHooks), 'failed hooks'],
    [sum(neverRan), 'never ran'],
    [sum(({ keptOpen }) => keptOpen), 'process kept open'],
    // A process that broke off could not.
    ...all.flatMap(({ total, left }) => (total === undefined ? [] : left.map(name => [1, `left behind: ${name}`] as const))),
    ...all.map(({ total, end }) => [total === undefined ? 1 : 0, `mocha ended before its report (${end})`] as const),
    // With --grep there may be none in some of the processes.
    [all.every(({ total }) => total === 0) ? 1 : 0, 'no test to run']
  ]
  return {
    passed,
    failed: sum(({ failed }) => failed) + complaints.reduce((result, [count]) => result + count, 0),
    complaints: complaints.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]))
  }
}
