/**
 * `npm run bench`: each reader and writer of docferry against a bare loop of the vendor's client, side by side in one run.
 *
 *   npm run bench -- [--count 20000] [--runs 5] [--only values,couchdb,dynamodb,firestore,file]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { simpleDocuments } from '../../spec/support/generator.ts'
import { startServers } from '../servers/index.ts'
import { couchdbContests, dynamodbContests, fileContests, firestoreContests } from './contests.ts'
import { measure, tableOf } from './measure.ts'
import type { Contest, Result } from './measure.ts'
import { valuesContests } from './values.ts'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '20000' },
    runs: { type: 'string', default: '5' },
    only: { type: 'string', default: 'values,file,couchdb,dynamodb,firestore' }
  }
})
const only = values.only.split(',')
const documents = [...simpleDocuments({ seed: 1, count: Number(values.count), bytes: 1000 })]
const folder = await mkdtemp(join(tmpdir(), 'docferry-bench-'))
const which = (['couchdb', 'firestore', 'dynamodb'] as const).filter(name => only.includes(name))
const servers = await startServers({ which })
const env = { ...process.env, ...servers.environment }
try {
  const contests: Contest[] = []
  if (only.includes('values')) contests.push(...valuesContests(documents))
  if (only.includes('file')) contests.push(...fileContests({ documents }, name => join(folder, name)))
  if (only.includes('couchdb')) {
    const server = { url: env['COUCHDB_URL'] ?? '', user: env['COUCHDB_USER'] ?? '', password: env['COUCHDB_PASSWORD'] ?? '' }
    contests.push(...couchdbContests({ end: { connector: 'couchdb', options: server }, documents }, server))
  }
  if (only.includes('dynamodb')) {
    const server = { endpoint: env['DYNAMODB_ENDPOINT_URL'] ?? '', region: env['DYNAMODB_REGION'] ?? 'us-east-1' }
    contests.push(...dynamodbContests({ end: { connector: 'dynamodb', options: server }, documents }, server))
  }
  if (only.includes('firestore')) {
    const server = { host: env['FIRESTORE_EMULATOR_HOST'] ?? '', project: 'bench' }
    contests.push(
      ...firestoreContests(
        { end: { connector: 'firestore', options: { project: server.project, emulator: server.host } }, documents },
        server
      )
    )
  }
  const results: Result[] = []
  for (const contest of contests) {
    results.push(await measure(contest, Number(values.runs)))
    process.stderr.write(`${tableOf(results).split('\n').at(-1)}\n`)
  }
  const { length: cores, 0: cpu } = cpus()
  console.log(
    `${documents.length} documents of about 1 KB, medians of ${values.runs} runs; Node ${process.version}, ${cores} cores (${cpu?.model.trim()}), servers on the same machine\n`
  )
  console.log(tableOf(results))
} finally {
  await servers.stop()
  await rm(folder, { recursive: true, force: true })
}
