/** What V8 compiles of the bundle's modules in short runs, kept beside them for `bundled.ts`. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where no server is. */
const nobody = '127.0.0.1:1'

/** Of each kind of work a little; each run adds to what those before it have kept. An end that nobody serves has its connector loaded. */
const runs: readonly (readonly string[])[] = [
  ['--help'],
  ['migrate', '--help'],
  ['migrate', '-s', 'agents.ndjson', '-t', 'plain.ndjson', '--stage', 'strip:_rev', '--workers', '0', '--log-level', 'debug'],
  ['migrate', '-s', 'agents.ndjson', '-t', 'looked-at.ndjson', '--stage', 'set:{"checked":true}', '--workers', '0'],
  ['migrate', '-s', 'agents.json', '-t', 'agents.ndjson.gz', '--workers', '1'],
  ['migrate', '-s', 'many.ndjson', '-t', 'many-plain.ndjson', '--stage', 'strip:_rev', '--workers', '1'],
  ['migrate', '-s', 'many.ndjson', '-t', 'many-looked-at.ndjson', '--stage', 'set:{"checked":true}', '--workers', '1'],
  ['migrate', '-s', 'agents.ndjson', '-t', `couchdb://${nobody}`, '--workers', '0'],
  ['migrate', '-s', 'agents.ndjson', '-t', `dynamodb://us-east-1?endpoint=http://${nobody}`, '--workers', '0'],
  ['migrate', '-s', 'agents.ndjson', '-t', `firestore://nowhere?emulator=${nobody}`, '--workers', '0']
]

/** An end that nobody serves is given up at once, unless the system lets whoever asks wait. */
const mostMs = 20_000

export async function keepCode(bundle: string): Promise<void> {
  const cwd = mkdtempSync(join(tmpdir(), 'docferry-bundle-'))
  try {
    const agents = Array.from({ length: 200 }, (_, n) => ({
      _id: `a${n}`,
      _rev: '1-a',
      name: `Ada ${n}`,
      at: 1.5 * n,
      tags: ['x', null],
      in: { a: true }
    }))
    writeFileSync(join(cwd, 'agents.ndjson'), agents.map(agent => `${JSON.stringify(agent)}\n`).join(''))
    writeFileSync(join(cwd, 'agents.json'), JSON.stringify(agents))
    writeFileSync(join(cwd, 'many.ndjson'), manyLines())
    for (const args of runs) await run(bundle, args, cwd)
    const kept = readdirSync(bundle).filter(name => name.endsWith('.code'))
    for (const entry of ['main', 'thread', 'pack-in-thread'])
      if (!kept.includes(`entry-${entry}.js.code`)) throw new Error(`no code was kept of ${entry}: ${kept.join(', ')}`)
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

/** So many that threads get to work on some while the main one works on others. */
function manyLines(): string {
  const text = 'x'.repeat(900)
  return Array.from({ length: 60_000 }, (_, n) => `{"_id":"a${n}","_rev":"1-a","name":"Ada ${n}","text":"${text}"}\n`).join('')
}

function run(bundle: string, args: readonly string[], cwd: string): Promise<void> {
  const keeper = new URL(`./code-keeper.js?of=${encodeURIComponent(bundle)}`, import.meta.url).href
  // Flags of a command are none of its threads, of which this is one for both.
  const env = {
    NODE_OPTIONS: `--import=${keeper}`,
    PATH: process.env['PATH'],
    HOME: cwd,
    AWS_ACCESS_KEY_ID: 'none',
    AWS_SECRET_ACCESS_KEY: 'none'
  }
  return new Promise((resolve, reject) => {
    const mayFail = args.some(arg => arg.includes(nobody))
    execFile(process.execPath, [join(bundle, 'main.js'), ...args], { cwd, env, timeout: mostMs }, (error, _, stderr) => {
      if (error && (error.killed || !mayFail))
        reject(new Error(`docferry ${args.join(' ')} ${error.killed ? 'does not end' : 'fails'}: ${stderr}`))
      else resolve()
    })
  })
}
