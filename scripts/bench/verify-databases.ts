/** Verifying between real servers, on this machine: what two databases hold, with planted errors, and how long it takes beside reading both. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSource } from '../../lib/open.ts'
import type { Endpoint } from '../../lib/open.ts'
import { migrate } from '../../lib/run.ts'
import type { Document, ProviderName } from '../../lib/types.ts'
import { verify } from '../../lib/verify/verify.ts'
import { subjects } from '../../spec/conformance/subjects.ts'
import { stopServers } from '../../spec/support/servers.ts'
import { plantErrors, tellDifference } from '../../spec/verify/planted.ts'
import { arraySource } from './ends.ts'

const pairs: readonly (readonly [ProviderName, ProviderName])[] = [
  ['couchdb', 'dynamodb'],
  ['firestore', 'couchdb']
]

/** @returns whether in each pair all that was planted was named, and nothing else */
export async function compareDatabases(count: number): Promise<boolean> {
  const rows = [['pair', 'documents', 'named', 'reading both, s', 'verify, s', 'ratio']]
  let isRight = true
  try {
    for (const [from, to] of pairs) {
      const { wrong, reading, verifying } = await comparePair(from, to, count)
      isRight &&= wrong === undefined
      const named = wrong === undefined ? 'all, and no other' : `WRONG: ${wrong}`
      rows.push([`${from} -> ${to}`, String(count), named, reading.toFixed(1), verifying.toFixed(1), (verifying / reading).toFixed(2)])
    }
  } finally {
    await stopServers()
  }
  rows.splice(
    1,
    0,
    rows[0]!.map(() => '---')
  )
  console.log(rows.map(row => `| ${row.join(' | ')} |`).join('\n'))
  return isRight
}

async function comparePair(from: ProviderName, to: ProviderName, count: number) {
  const stateDir = await mkdtemp(join(tmpdir(), 'docferry-bench-databases-'))
  const [here, there] = [await subjects[from](), await subjects[to]()]
  const [ours, theirs] = [`bench-verify-ours-${process.pid}`, `bench-verify-theirs-${process.pid}`]
  try {
    const { planted, ...made } = plantErrors(count)
    const [source, target] = [await here.endpoint(), await there.endpoint()]
    await migrate({ source: arraySource(ours, [...made.source()]), target: source, stateDir })
    await migrate({ source: arraySource(theirs, distinct(made.target())), target, stateDir })
    const reading = await secondsOf(() => Promise.all([read(source, ours, count), read(target, theirs, count)]))
    const differences = join(stateDir, 'differences.ndjson')
    const how = { source, target, collections: [ours], rename: { [ours]: theirs }, stateDir, differences }
    const verifying = await secondsOf(() => verify(how))
    const named = (await readFile(differences, 'utf8')).trim().split('\n').map(tellDifference).sort()
    // A database has each id once, and one of each pair takes 1.0 and 1 as the same number.
    const expected = planted.filter(([kind, , path]) => kind !== 'repeated' && path !== 'cost').map(each => each.join(' '))
    const isRight = JSON.stringify(named) === JSON.stringify(expected.sort())
    return { wrong: isRight ? undefined : named.join('; '), reading, verifying }
  } finally {
    await here.remove([ours])
    await there.remove([theirs])
    await rm(stateDir, { recursive: true, force: true })
  }
}

function distinct(documents: Iterable<Document>): Document[] {
  return [...new Map([...documents].map(document => [document._id, document])).values()]
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1_000
}

/** @param count of the source; the target has one more and one less */
async function read(endpoint: Endpoint, collection: string, count: number): Promise<void> {
  const source = await openSource(endpoint)
  let documents = 0
  try {
    const partitions = await source.partitions([collection], { wanted: 4 })
    await Promise.all(
      partitions.map(async partition => {
        for await (const page of source.read(partition, { pageSize: 500 })) documents += page.documents.length
      })
    )
  } finally {
    await source.close()
  }
  if (documents !== count) throw new Error(`${documents} documents of ${count}`)
}
