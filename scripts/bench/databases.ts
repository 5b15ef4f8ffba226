/** The servers that are compared on, and the contests of each. */
import { startServers } from '../servers/index.ts'
import type { ServerName } from '../servers/index.ts'
import type { Document } from '../../lib/types.ts'
import { cpuOf } from './child.ts'
import { couchdbContests, middleOf } from './couchdb.ts'
import { dynamodbContests } from './dynamodb.ts'
import { firestoreContests } from './firestore.ts'
import { versionOf } from './machine.ts'
import type { Contest, Goal } from './measure.ts'
import type { Database } from './pairs.ts'
import { plainCouchdb, plainDynamodb, plainFirestore } from './plain-clients.ts'

export interface Databases {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly of: (name: ServerName) => Database
  /** Seconds that the servers have taken so far; NaN where one was there before. */
  readonly cpuOfServers: () => number
  /** Servers and clients, with their versions. */
  readonly versions: string
  readonly stop: () => Promise<void>
}

/** Against the bare loop of the vendor's client, where a contest says nothing else. */
const atCeiling = 1 / 0.95
const goals: Readonly<Record<ServerName, { readonly read: Goal; readonly write: Goal }>> = {
  couchdb: { read: { time: 1.05 }, write: { time: 1.05 } },
  dynamodb: { read: { time: atCeiling, cpu: 0.5 }, write: { time: atCeiling, cpu: 0.5 } },
  firestore: { read: { time: atCeiling, cpu: 0.7 }, write: { time: atCeiling, cpu: 0.3 } }
}

function withGoals(name: ServerName, database: Database): Database {
  const goalOf = (contest: Contest): Goal | undefined =>
    contest.name.endsWith(' write') ? goals[name].write : contest.name.endsWith(' read') ? goals[name].read : undefined
  return { ...database, contests: database.contests.map(contest => ({ ...contest, goal: contest.goal ?? goalOf(contest) })) }
}

/** Servers of their own for each part of the benchmark: the emulator never frees what it has held. */
export async function startDatabases(
  which: readonly ServerName[],
  documents: readonly Document[],
  path: (name: string) => string
): Promise<Databases> {
  // Of clients in this process: a warning each, and a look for a machine of Google's that there is not.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
  process.env['METADATA_SERVER_DETECTION'] ??= 'none'
  const servers = await startServers({ which })
  const environment: Record<string, string | undefined> = { ...process.env, ...servers.environment }
  const make: Readonly<Record<ServerName, () => Database>> = {
    couchdb() {
      const server = {
        url: environment['COUCHDB_URL']!,
        user: environment['COUCHDB_USER'] ?? '',
        password: environment['COUCHDB_PASSWORD'] ?? ''
      }
      const end = { connector: 'couchdb', options: server } as const
      return {
        name: 'CouchDB',
        end,
        contests: couchdbContests({ end, documents, path }, server),
        plain: plainCouchdb(server, middleOf(documents))
      }
    },
    dynamodb() {
      const server = { endpoint: environment['DYNAMODB_ENDPOINT_URL']!, region: environment['DYNAMODB_REGION'] ?? 'us-east-1' }
      const end = { connector: 'dynamodb', options: server } as const
      return { name: 'DynamoDB', end, contests: dynamodbContests({ end, documents, path }, server), plain: plainDynamodb(server) }
    },
    firestore() {
      const server = { host: environment['FIRESTORE_EMULATOR_HOST']!, project: 'bench' }
      const end = { connector: 'firestore', options: { project: server.project, emulator: server.host } } as const
      return { name: 'Firestore', end, contests: firestoreContests(server, documents, path), plain: plainFirestore(server) }
    }
  }
  const told: Readonly<Record<ServerName, () => Promise<string>>> = {
    couchdb: async () => `${await couchdbVersion(environment['COUCHDB_URL']!)}, nano ${versionOf('nano')}`,
    dynamodb: () => Promise.resolve(`DynamoDB Local, @aws-sdk/client-dynamodb ${versionOf('@aws-sdk/client-dynamodb')}`),
    firestore: () => Promise.resolve(`Firestore emulator, @google-cloud/firestore ${versionOf('@google-cloud/firestore')}`)
  }
  return {
    environment,
    cpuOfServers: () => servers.servers.reduce((sum, { pid }) => sum + (pid === undefined ? NaN : cpuOf(pid)), 0),
    of: name => withGoals(name, make[name]()),
    versions: (await Promise.all(which.map(name => told[name]()))).join('; '),
    stop: () => servers.stop()
  }
}

async function couchdbVersion(url: string): Promise<string> {
  const told = (await (await fetch(url)).json()) as { readonly version?: string; readonly vendor?: { readonly name?: string } }
  return told.vendor?.name?.startsWith('The Apache') ? `Apache CouchDB ${told.version}` : "the specs' CouchDB front (PouchDB in memory)"
}
