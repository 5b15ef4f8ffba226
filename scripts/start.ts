/**
 * `npm start`: docferry's main job on embedded stores, to watch it work on a machine that has no database.
 *
 *   Gofannon's JSON export -> memory snapshot -> NDJSON.gz, and all three compared
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createReadStream, DigestSum, openSource } from '../lib/index.ts'
import type { Document } from '../lib/index.ts'

const here = fileURLToPath(import.meta.url)
const cli = join(dirname(here), '../lib/cli', here.endsWith('.ts') ? 'main.ts' : 'main.js')
const root = findRoot(dirname(here))
const sample = join(root, 'spec/fixtures/gofannon-export.json')

/** What a place holds: per collection its number of documents and their digest. */
type Holdings = ReadonlyMap<string, string>

process.on('SIGINT', () => {
  // the child has heard it too, and decides
})

const folder = await mkdtemp(join(tmpdir(), 'docferry-start-'))
try {
  const snapshot = `memory:${join(folder, 'snapshot.json')}`
  const backup = join(folder, 'backup.ndjson.gz')
  await docferry('import', '--input', relative(process.cwd(), sample), '--target', snapshot)
  await docferry('export', '--provider', snapshot, '--output', backup)
  process.exitCode = await compare(
    new Map([
      ['the sample (JSON)', `file:${sample}`],
      ['the memory snapshot', snapshot],
      ['the backup (NDJSON.gz)', `file:${backup}`]
    ])
  )
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** Run the real command line, visibly. A failure ends this script with its exit code. */
async function docferry(...args: readonly string[]): Promise<void> {
  const all = [...args, '--state-dir', join(folder, '.docferry')]
  console.log(`$ docferry ${args.join(' ')}`)
  const child = spawn(process.execPath, [...process.execArgv, cli, ...all], { stdio: 'inherit' })
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (exitCode, signal) => resolve(exitCode ?? (signal === 'SIGINT' ? 130 : 1)))
  })
  console.log('')
  if (code === 0) return
  console.log(`docferry ended with exit code ${code}`)
  await rm(folder, { recursive: true, force: true })
  process.exit(code)
}

/** @returns the exit code: 0 when all places hold the same documents, 60 when they do not */
async function compare(places: ReadonlyMap<string, string>): Promise<number> {
  console.log(`Comparing what ${[...places.keys()].join(', ')} hold, document by document`)
  const holdings = await Promise.all([...places.values()].map(readHoldings))
  const collections = [...new Set(holdings.flatMap(holding => [...holding.keys()]))]
  let different = 0
  for (const collection of collections) {
    const seen = holdings.map(holding => holding.get(collection) ?? 'missing')
    const same = seen.every(one => one === seen[0])
    if (!same) different++
    console.log(`  ${same ? 'same     ' : 'DIFFERENT'}  ${collection}: ${same ? seen[0] : seen.join(' | ')}`)
  }
  if (different > 0) {
    console.log(`\nDIFFERENT: ${different} of ${collections.length} collections did not arrive as they were.`)
    return 60
  }
  if (collections.length === 0) {
    console.log('\nThe sample holds nothing: there is nothing to compare.')
    return 1
  }
  console.log(`\nAll the same: ${collections.length} collections went from JSON through memory into NDJSON.gz and arrived whole.`)
  return 0
}

async function readHoldings(place: string): Promise<Holdings> {
  const source = await openSource(place)
  let names: string[]
  try {
    names = ((await source.collections({})) ?? []).map(({ name }) => name)
  } finally {
    await source.close()
  }
  const holdings = new Map<string, string>()
  for (const name of names) {
    const digest = new DigestSum()
    for await (const document of createReadStream(place, name)) digest.add(document as Document)
    holdings.set(name, `${digest.count} documents, digest ${digest.hex().slice(0, 16)}`)
  }
  return holdings
}

function findRoot(from: string): string {
  return existsSync(join(from, 'package.json')) ? from : findRoot(dirname(from))
}
