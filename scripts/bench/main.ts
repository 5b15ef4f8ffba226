/**
 * `npm run bench`: each reader and writer of docferry against a bare loop of the vendor's client, side by side in one run.
 *
 *   npm run bench -- [--count 20000] [--runs 5] [--only values,couchdb,dynamodb,firestore,file,throttling,slow]
 *
 * `throttling` compares docferry with itself; `slow` measures memory and the time that Ctrl-C takes, with a target that takes its time.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { simpleDocuments } from '../../spec/support/generator.ts'
import { startServers } from '../servers/index.ts'
import { dynamodbContests, fileContests, firestoreContests } from './contests.ts'
import { couchdbContests } from './couchdb.ts'
import { measure, tableOf } from './measure.ts'
import type { Contest, Result } from './measure.ts'
import { slowTargetTable } from './slow-target.ts'
import { throttlingContests } from './throttling.ts'
import { valuesContests } from './values.ts'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '20000' },
    runs: { type: 'string', default: '5' },
    only: { type: 'string', default: 'values,file,couchdb,dynamodb,firestore,throttling' }
  }
})
const only = values.only.split(',')
const documents = [...simpleDocuments({ seed: 1, count: Number(values.count), bytes: 1000 })]
const folder = await mkdtemp(join(tmpdir(), 'docferry-bench-'))
const isWanted = (name: string): boolean =>
  only.includes(name) || only.includes('throttling') || (name === 'couchdb' && only.includes('slow'))
const which = (['couchdb', 'firestore', 'dynamodb'] as const).filter(isWanted)
const servers = await startServers({ which })
const env = { ...process.env, ...servers.environment }
try {
  const contests: Contest[] = []
  if (only.includes('values')) contests.push(...valuesContests(documents))
  if (only.includes('file')) contests.push(...fileContests({ documents }, name => join(folder, name)))
  if (only.includes('couchdb')) {
    const server = { url: env['COUCHDB_URL'] ?? '', user: env['COUCHDB_USER'] ?? '', password: env['COUCHDB_PASSWORD'] ?? '' }
    contests.push(
      ...couchdbContests({ end: { connector: 'couchdb', options: server }, documents, path: name => join(folder, name) }, server)
    )
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
  let close = async (): Promise<void> => undefined
  if (only.includes('throttling')) {
    const throttling = await throttlingContests(documents, env)
    contests.push(...throttling.contests)
    close = throttling.close
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
  if (results.length > 0) console.log(tableOf(results))
  await close()
  if (only.includes('slow')) console.log(await slowTargetTable(env, [documents.length, 10 * documents.length]))
} finally {
  await servers.stop()
  await rm(folder, { recursive: true, force: true })
}
