/** Runs a command as a child process of its own, and says what it took, with all that it starts. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { Sample } from './measure.ts'

const pollMs = 20
/** Of /proc, on every Linux that Node runs on. */
const ticksPerSecond = 100

export interface ChildOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * CPU times are those that the system adds to ours once a child is waited for, so nothing else that was started may end meanwhile. Both they and
 * the memory are read from /proc, and missing elsewhere.
 *
 * @throws {Error} with what it said, where it ends with another exit code than 0
 */
export async function runChild(command: string, args: readonly string[], options: ChildOptions = {}): Promise<Omit<Sample, 'documents'>> {
  const cpu = cpuOfChildren()
  const start = performance.now()
  const child = spawn(command, args, { ...options, env: { ...process.env, ...options.env }, stdio: ['ignore', 'ignore', 'pipe'] })
  let peakKb = 0
  const look = setInterval(() => (peakKb = Math.max(peakKb, peakOf(child.pid!))), pollMs)
  const said = text(child.stderr)
  try {
    const [code] = (await once(child, 'exit')) as [number | null]
    const seconds = (performance.now() - start) / 1_000
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${(await said).slice(-2_000)}`)
    return { seconds, cpuSeconds: cpuOfChildren() - cpu, ...(peakKb > 0 && { megabytes: peakKb / 1024 }) }
  } finally {
    clearInterval(look)
  }
}

/** Seconds of user and system time of all children that have ended. */
function cpuOfChildren(): number {
  return cpuIn('self', 13)
}

/** Seconds of user and system time that a process has taken so far. */
export function cpuOf(pid: number): number {
  return cpuIn(String(pid), 11)
}

/** @param first which field behind the name is the user's time; that of the system follows it. NaN where the system does not tell */
function cpuIn(process: string, first: number): number {
  try {
    // Behind the command's name, which may hold anything.
    const fields = readFileSync(`/proc/${process}/stat`, 'latin1').split(') ').at(-1)!.split(' ')
    return (Number(fields[first]) + Number(fields[first + 1])) / ticksPerSecond
  } catch {
    return NaN
  }
}

/** The system's own high-water marks of a process and those that it has started, in KB; 0 where it tells none. */
function peakOf(pid: number): number {
  try {
    const own = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0)
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
    return children
      .split(' ')
      .filter(Boolean)
      .reduce((sum, child) => sum + peakOf(Number(child)), own)
  } catch {
    // It has just ended.
    return 0
  }
}
