/** Start a server as a child process on a free port, wait until it answers, and make sure that it never outlives this process. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export interface LaunchOptions {
  /** For messages: `DynamoDB Local`. */
  readonly name: string
  readonly command: string
  readonly args: (port: number) => readonly string[]
  readonly cwd?: string
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Asked again and again, with the server's output so far, until it says true; a thrown error means "not yet". */
  readonly isReady: (port: number, output: string, signal: AbortSignal) => Promise<boolean>
  /** How long a server may take to stop before it is killed; default 5 s. */
  readonly stopDeadlineMs?: number
  readonly signal?: AbortSignal
}

export interface RunningServer {
  readonly port: number
  /** The server's own process id. */
  readonly pid: number
  /** Settles when the process has ended, with the last lines of what it printed. */
  readonly ended: Promise<string>
  /** SIGTERM, and SIGKILL if that takes too long. Resolves when the process is gone; may be called again. */
  stop(): Promise<void>
}

const startDeadlineMs = 60_000
const pollMs = 50
const keptOutput = 16_384
const portAttempts = 3
const portTaken = /address already in use|EADDRINUSE|failed to bind/i

/**
 * The shell becomes the server (`exec`), so that the child's pid is the server's own. Behind it waits a watchdog on a pipe from
 * this process: a line on it says that all is well, its end says that this process died (also by SIGKILL), and the server is killed.
 */
const wrapper = `
exec 3<&0 </dev/null
{
  if read -r _ <&3; then exit 0; fi
  kill -TERM $$ || exit 0
  for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; kill -0 $$ || exit 0; done
  kill -KILL $$
} >/dev/null 2>&1 &
exec 3<&-
exec "$@"`

/** @throws {Error} when the server ends, or does not answer within a minute; the message holds the last lines that it printed */
export async function launch(options: LaunchOptions): Promise<RunningServer> {
  for (let attempt = 1; ; attempt++) {
    const started = await launchOnce(options, await freePort())
    if (typeof started !== 'string') return started
    if (attempt === portAttempts || !portTaken.test(started)) {
      throw new Error(`${options.name} did not start. The end of what it printed:\n${started}`)
    }
  }
}

/** The running server, or what it printed before it failed. */
async function launchOnce(options: LaunchOptions, port: number): Promise<RunningServer | string> {
  const { name, command, args, cwd, env, isReady, stopDeadlineMs = 5_000 } = options
  const child = spawn('/bin/sh', ['-c', wrapper, name, command, ...args(port)], {
    cwd,
    env: { ...process.env, ...env },
    // A group of its own: Ctrl-C in a terminal reaches this process only, which stops its servers in order.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe']
  })
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-keptOutput)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  // The watchdog may be gone already when the line below is written.
  child.stdin.on('error', () => undefined)
  const ended = once(child, 'exit').then(
    () => {
      child.stdin.end('ended\n')
      return output
    },
    (error: unknown) => `${command}: ${error instanceof Error ? error.message : String(error)}`
  )
  const stop = (): Promise<void> => stopProcess(child, ended, stopDeadlineMs)
  const limit = AbortSignal.timeout(startDeadlineMs)
  const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit])
  let over = false
  void ended.then(() => (over = true))
  try {
    while (!over && !portTaken.test(output)) {
      if (await isReady(port, output, signal).catch(() => false)) {
        if (over || portTaken.test(output)) break
        letGo(child)
        return { port, pid: child.pid!, ended, stop }
      }
      await delay(pollMs, undefined, { signal })
    }
  } catch (error) {
    await stop()
    if (options.signal?.aborted) throw options.signal.reason
    throw new Error(`${name} did not answer on port ${port} within ${startDeadlineMs / 1000} s. The end of what it printed:\n${output}`, {
      cause: error
    })
  }
  await stop()
  return await ended
}

/** A running server does not keep this process alive: whoever forgets to stop it still ends, and the watchdog does the rest. */
function letGo(child: ChildProcess): void {
  child.unref()
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as unknown as { unref?: () => void } | null)?.unref?.()
}

async function stopProcess(child: ChildProcess, ended: Promise<string>, deadlineMs: number): Promise<void> {
  if (child.pid === undefined) return
  child.ref()
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs)
  await ended
  clearTimeout(timer)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
