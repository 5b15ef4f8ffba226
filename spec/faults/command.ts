/** docferry's command line, in this process and with little patience, so that faults that last are over soon; or as a process of its own. */
import { spawn } from 'node:child_process'
import type { StdioOptions } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execute } from '../../lib/cli/execute.ts'
import { runCommandLine } from '../../lib/cli/program.ts'
import type { RunReport } from '../../lib/report.ts'
import { migrate } from '../../lib/run.ts'
import { FakeHost } from '../cli/support/fake-host.ts'
import type { Ended } from '../cli/support/docferry.ts'

/** What `--json` prints, as far as it is looked at. */
export interface JsonReport extends Pick<RunReport, 'state' | 'runId' | 'retries'> {
  readonly exitCode: number
  readonly error?: { readonly code: string; readonly message: string }
  readonly totals: Readonly<Record<'read' | 'added' | 'written' | 'skipped' | 'filtered' | 'failed', number>>
}

export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv
  /** Told of what the command has said so far on stderr, each time it says more. */
  readonly onSaid?: (stderr: string) => void
  /** How often it tries. Default: so seldom that what lasts is over soon. */
  readonly attempts?: number
}

/** What `migrate` tries again: some 200 ms in all. */
const impatient = { attempts: 8, baseMs: 10, capMs: 100 }

const longestMs = 25_000

/** Run it here. @throws where it takes so long that it must be hanging */
export async function runHere(args: readonly string[], { env, onSaid, attempts = impatient.attempts }: CommandOptions): Promise<Ended> {
  const host = new FakeHost(args, env)
  const { stderr } = host
  const write = stderr.write.bind(stderr)
  stderr.write = text => {
    const isTaken = write(text)
    onSaid?.(stderr.text)
    return isTaken
  }
  const engine = { migrate: (options: Parameters<typeof migrate>[0]) => migrate({ ...options, retry: { ...impatient, attempts } }) }
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`hangs: ${args.join(' ')}\n${host.stderr.text}`)), longestMs)
  })
  try {
    const code = await Promise.race([runCommandLine(host, (job, own) => execute(job, own, async () => engine)), tooLong])
    return { code, stdout: host.stdout.text, stderr: host.stderr.text }
  } finally {
    clearTimeout(timer)
  }
}

const inTypeScript = import.meta.url.endsWith('.ts')
const main = fileURLToPath(new URL(inTypeScript ? '../../lib/cli/main.ts' : '../../bundle/main.js', import.meta.url))
const loader = inTypeScript ? ['--import', import.meta.resolve('tsx')] : []

/** The words that start docferry as a process of its own. */
export const docferryWords = [process.execPath, ...loader, main]

/** Run words as a process, with standard output as text unless `stdio` says otherwise. @throws where it hangs */
export function runWords(words: readonly string[], { env, cwd, stdio }: ProcessOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const [command, ...args] = words as [string, ...string[]]
    const child = spawn(command, args, {
      cwd,
      env: { PATH: process.env['PATH'], HOME: cwd, ...env },
      stdio: stdio ?? ['ignore', 'pipe', 'pipe'],
      timeout: longestMs,
      killSignal: 'SIGKILL'
    })
    let stdout = ''
    let stderr = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (signal === 'SIGKILL') reject(new Error(`hangs: ${words.join(' ')}\n${stderr}`))
      else resolve({ code, stdout, stderr })
    })
  })
}

export interface ProcessOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd: string
  readonly stdio?: StdioOptions
}

export function reportOf({ stdout }: Ended): JsonReport {
  return JSON.parse(stdout) as JsonReport
}

/** Where a secret stands though it must not: what was said, and the files of runs other than dead letters. */
export function leaks(secrets: readonly string[], said: readonly Ended[], stateDir: string): string[] {
  const texts = said.flatMap(({ stdout, stderr }, index) => [
    [`standard output of command ${index + 1}`, stdout] as const,
    [`standard error of command ${index + 1}`, stderr] as const
  ])
  const files = readdirSync(stateDir, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name !== 'dead-letters.ndjson')
    .map(({ parentPath, name }) => [name, readFileSync(join(parentPath, name), 'utf8')] as const)
  return [...texts, ...files].flatMap(([where, text]) =>
    secrets.filter(secret => text.includes(secret)).map(secret => `${secret} in ${where}`)
  )
}
