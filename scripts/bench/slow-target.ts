/** A target that takes its time: how much memory a run takes, and how soon it ends when it is told to. */
import { spawn } from 'node:child_process'
import { createWriteStream, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { startFaultProxy } from '../../spec/support/fault-proxy.ts'
import type { ProxyRequest } from '../../spec/support/fault-proxy.ts'
import { simpleDocuments } from '../../spec/support/generator.ts'
import { projectFolder } from '../servers/tools.ts'

const pollMs = 20
const isWrite = ({ path }: ProxyRequest): boolean => path.endsWith('/_bulk_docs')

interface Outcome {
  readonly exitCode: number | null
  /** Peak resident memory, in MB. */
  readonly peakMb: number
  readonly seconds: number
}

/** Memory for this many documents and for ten times as many; seconds from Ctrl-C to the end. Markdown. */
export async function slowTargetTable(env: Readonly<Record<string, string | undefined>>, counts: readonly number[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'docferry-slow-'))
  const rows: string[] = []
  try {
    for (const count of counts) {
      const path = join(folder, `${count}.ndjson`)
      const lines = function* (): Generator<string> {
        for (const document of simpleDocuments({ seed: 1, count, bytes: 1000 })) yield `${JSON.stringify(document)}\n`
      }
      await pipeline(Readable.from(lines()), createWriteStream(path))
      for (const delayMs of [0, 100]) {
        const { exitCode, peakMb, seconds } = await importFile({ path, env, folder, delayMs })
        rows.push(
          `| ${count} documents of 1 KB, each write ${delayMs} ms late | exit ${exitCode} | ${peakMb} MB | ${seconds.toFixed(1)} s |`
        )
      }
    }
    const path = join(folder, `${counts.at(-1)}.ndjson`)
    for (const delayMs of [0, 100, 3_000, 60_000]) {
      const { exitCode, peakMb, seconds } = await importFile({ path, env, folder, delayMs, interruptAtWrite: 8 })
      rows.push(
        `| Ctrl-C while each write is ${delayMs} ms late | exit ${exitCode} | ${peakMb} MB | ${seconds.toFixed(2)} s until its end |`
      )
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return ['| what | exit | peak RSS | time |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

interface Import {
  readonly path: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly folder: string
  readonly delayMs: number
  /** Send SIGINT when so many writes have come; `seconds` are then counted from there. */
  readonly interruptAtWrite?: number
}

let imports = 0

async function importFile({ path, env, folder, delayMs, interruptAtWrite }: Import): Promise<Outcome> {
  const proxy = await startFaultProxy({ target: env['COUCHDB_URL'] ?? '' })
  if (delayMs > 0) {
    const late = { type: 'holdUntil', until: () => sleep(delayMs, undefined, { ref: false }) } as const
    proxy.faults.push({ match: isWrite, times: Infinity, action: late })
  }
  const cli = join(projectFolder(), 'dist', 'bundle', 'main.js')
  const args = ['import', '--input', path, '--as', `bench_slow_${++imports}`, '--target', 'couchdb', '--quiet', '--no-progress']
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: folder,
    env: { ...env, COUCHDB_URL: proxy.url },
    stdio: ['ignore', 'ignore', 'inherit']
  })
  let startedAt = performance.now()
  let peakMb = 0
  const look = setInterval(() => {
    peakMb = Math.max(peakMb, peakOf(child.pid))
    // Bodies that went by.
    if (proxy.count() > 100) proxy.forget()
  }, pollMs)
  const ended = once(child, 'exit')
  try {
    if (interruptAtWrite !== undefined) {
      const isLate = delayMs > 1_000
      await Promise.race([proxy.waitFor(isWrite, isLate ? 1 : interruptAtWrite), ended])
      startedAt = performance.now()
      child.kill('SIGINT')
    }
    const [exitCode] = (await ended) as [number | null]
    return { exitCode, peakMb, seconds: (performance.now() - startedAt) / 1_000 }
  } finally {
    clearInterval(look)
    await proxy.close()
  }
}

/** The system's own high-water mark; 0 where it tells none. */
function peakOf(pid: number | undefined): number {
  try {
    const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Math.round(Number(kilobytes ?? 0) / 1024)
  } catch {
    // It has just ended.
    return 0
  }
}
