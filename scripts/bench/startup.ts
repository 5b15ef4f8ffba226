/**
 * What it takes to start: `docferry --help` beside `node -e 0`, and a migration of one document beside a script that loads the same client and
 * writes one. Each is a process of its own; all take turns.
 *
 *   node dist/scripts/bench/startup.js [--runs 9] [--only help,file,couchdb,dynamodb,firestore]
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openTarget } from '../../lib/open.ts'
import { serverNames, startServers } from '../servers/index.ts'
import { projectFolder } from '../servers/tools.ts'

export const startupNames = ['help', 'file', ...serverNames] as const
export type StartupName = (typeof startupNames)[number]

/** Medians, in milliseconds. */
export interface StartupTimes {
  readonly wallMs: number
  /** User and system time. */
  readonly cpuMs: number
}

export interface StartupResult {
  readonly name: string
  readonly bareName: string
  readonly bare: StartupTimes
  readonly ours: StartupTimes
  /** Times the bare one, at most. */
  readonly goal: number
}

export interface StartupOptions {
  readonly which?: readonly StartupName[]
  /** How many of each. */
  readonly runs: number
  /** Names the servers. */
  readonly environment: NodeJS.ProcessEnv
}

/** Two commands, as arguments of node; each is given the number of its turn. */
interface Race extends Pick<StartupResult, 'name' | 'bareName' | 'goal'> {
  readonly bare: (turn: number) => readonly string[]
  readonly ours: (turn: number) => readonly string[]
}

const docferry = join(projectFolder(), 'dist/bundle/main.js')
const bareStart = fileURLToPath(new URL('./bare-start.js', import.meta.url))
const collection = 'startup'

export async function measureStartup({ which = startupNames, runs, environment }: StartupOptions): Promise<StartupResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'docferry-startup-'))
  const env = { ...environment, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }
  try {
    // Tells the CPU time of the process, at its end, to whoever has given it the file.
    const teller = join(folder, 'teller.cjs')
    writeFileSync(
      teller,
      `process.on('exit', () => { const { user, system } = process.cpuUsage(); require('fs').writeSync(3, String(user + system)) })`
    )
    const races = which.map(name => raceOf(name, folder))
    for (const name of serverNames) if (which.includes(name)) await createCollection(name, environment)
    const times = races.map(() => ({ bare: [] as StartupTimes[], ours: [] as StartupTimes[] }))
    // The first turn fills the system's caches.
    for (let turn = 0; turn <= runs; turn++) {
      for (const [index, race] of races.entries()) {
        for (const side of ['bare', 'ours'] as const) {
          const document = { _id: `${side}-${process.pid}-${turn}`, name: 'Ada', n: turn, tags: ['a', 'b'] }
          writeFileSync(join(folder, `${collection}.ndjson`), `${JSON.stringify(document)}\n`)
          const time = await timeOf(['--require', teller, ...race[side](turn)], { cwd: folder, env })
          if (turn > 0) times[index]![side].push(time)
        }
      }
    }
    return races.map(({ name, bareName, goal }, index) => {
      const { bare, ours } = times[index]!
      return { name, bareName, goal, bare: medians(bare), ours: medians(ours) }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function raceOf(name: StartupName, folder: string): Race {
  if (name === 'help')
    return { name: 'docferry --help', bareName: 'node -e 0', goal: 2.5, bare: () => ['-e', '0'], ours: () => [docferry, '--help'] }
  const from = join(folder, `${collection}.ndjson`)
  const to = (turn: number): string => (name === 'file' ? join(folder, `out-${turn}.ndjson`) : name)
  return {
    name: `one document, file -> ${name}`,
    bareName: name === 'file' ? 'readFile, writeFile' : 'a script with the same client',
    goal: 1.5,
    bare: turn => [bareStart, name, from, name === 'file' ? `${to(turn)}.bare` : collection],
    ours: turn => [docferry, 'migrate', '--source', from, '--target', to(turn), '--quiet']
  }
}

/** A server that has just begun may take longer for its first answer than a client waits. */
async function createCollection(name: string, environment: NodeJS.ProcessEnv, tries = 5): Promise<void> {
  try {
    const target = await openTarget(name, { environment })
    try {
      await target.prepare(collection, { create: true })
    } finally {
      await target.close()
    }
  } catch (error) {
    if (tries <= 1) throw error
    await createCollection(name, environment, tries - 1)
  }
}

async function timeOf(args: readonly string[], { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv }): Promise<StartupTimes> {
  const start = performance.now()
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
  let said = ''
  let micros = ''
  child.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.stdio[3]!.on('data', (chunk: Buffer) => (micros += chunk.toString()))
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${String(code)}: ${said}`)
  return { wallMs: performance.now() - start, cpuMs: Number(micros) / 1000 }
}

function medians(times: readonly StartupTimes[]): StartupTimes {
  return { wallMs: median(times.map(({ wallMs }) => wallMs)), cpuMs: median(times.map(({ cpuMs }) => cpuMs)) }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

/** Markdown. */
export function startupTable(results: readonly StartupResult[]): string {
  const rows = results.map(({ name, bareName, bare, ours, goal }) => [
    name,
    bareName,
    ...[bare.wallMs, ours.wallMs].map(value => value.toFixed(0)),
    (ours.wallMs / bare.wallMs).toFixed(2),
    ...[bare.cpuMs, ours.cpuMs].map(value => value.toFixed(0)),
    (ours.cpuMs / bare.cpuMs).toFixed(2),
    String(goal)
  ])
  const head = ['', 'beside', 'its ms', 'docferry ms', 'ratio', 'its CPU ms', 'docferry CPU ms', 'ratio', 'goal']
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { runs: { type: 'string', default: '9' }, only: { type: 'string', default: startupNames.join(',') } }
  })
  const which = startupNames.filter(name => values.only.split(',').includes(name))
  const servers = await startServers({ which: serverNames.filter(name => which.includes(name)), isShortLived: true })
  try {
    console.log(
      startupTable(await measureStartup({ which, runs: Number(values.runs), environment: { ...process.env, ...servers.environment } }))
    )
  } finally {
    await servers.stop()
  }
}
