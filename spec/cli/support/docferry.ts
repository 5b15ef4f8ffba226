/** The real command line as a child process. */
import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const inTypeScript = import.meta.url.endsWith('.ts')
const main = fileURLToPath(new URL(inTypeScript ? '../../../lib/cli/main.ts' : '../../../bundle/main.js', import.meta.url))
const loader = inTypeScript ? ['--import', import.meta.resolve('tsx')] : []

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Ended>
  /** Resolves when stdout and stderr together have said this; rejects when they end before. */
  said(words: string): Promise<void>
}

export interface StartOptions {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string
  readonly nodeArgs?: readonly string[]
}

/** Start docferry with no environment but PATH and what is given. Standard input is closed only if there is `input`. */
export function start(args: readonly string[], { cwd, env = {}, input, nodeArgs = [] }: StartOptions): Started {
  const child = spawn(process.execPath, [...loader, ...nodeArgs, main, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, ...env }
  })
  let stdout = ''
  let stderr = ''
  const waiting = new Set<() => void>()
  const hear = (): void => waiting.forEach(check => check())
  child.stdout.setEncoding('utf8').on('data', (text: string) => ((stdout += text), hear()))
  child.stderr.setEncoding('utf8').on('data', (text: string) => ((stderr += text), hear()))
  // a child that has left does not take the rest of its input
  child.stdin.on('error', () => undefined)
  if (input !== undefined) child.stdin.end(input)
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ code, stdout, stderr }))
  })
  const said = (words: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (!(stdout + stderr).includes(words)) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
      ended.then(() => reject(new Error(`ended without saying ${words}:\n${stdout}${stderr}`)), reject)
    })
  return { child, ended, said }
}

export function docferry(args: readonly string[], options: StartOptions): Promise<Ended> {
  return start(args, { input: '', ...options }).ended
}
