/** The five providers as the conformance suite and the pair specs use them: where documents go, and how they are removed again. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DynamoDBClient, DeleteTableCommand } from '@aws-sdk/client-dynamodb'
import type { Endpoint } from '../../lib/open.ts'
import type { ProviderName } from '../../lib/types.ts'
import { isolatedProject, servers } from '../support/servers.ts'

/** One place of a provider. Two subjects of one provider are two places. */
export interface Subject {
  readonly provider: ProviderName
  /** The place, to write to and then to read from. */
  endpoint(): Promise<Endpoint>
  remove(collections: readonly string[]): Promise<void>
}

export async function couchdbSubject(): Promise<Subject> {
  const { url, user, password } = await servers.couchdb()
  return {
    provider: 'couchdb',
    endpoint: () => Promise.resolve({ connector: 'couchdb', options: { url, user, password } }),
    async remove(collections) {
      const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
      for (const name of collections)
        await fetch(new URL(encodeURIComponent(name), withSlash(url)), { method: 'DELETE', headers: { authorization } })
    }
  }
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`
}

/** A project of its own: nothing in it needs to be removed, and two subjects never meet. */
export async function firestoreSubject(): Promise<Subject> {
  const { host } = await servers.firestore()
  const project = isolatedProject()
  return {
    provider: 'firestore',
    endpoint: () => Promise.resolve({ connector: 'firestore', options: { project, emulator: host } }),
    async remove() {
      await fetch(`http://${host}/emulator/v1/projects/${project}/databases/(default)/documents`, { method: 'DELETE' })
    }
  }
}

export async function dynamodbSubject(): Promise<Subject> {
  const { endpoint, region } = await servers.dynamodb()
  return {
    provider: 'dynamodb',
    endpoint: () => Promise.resolve({ connector: 'dynamodb', options: { endpoint, region } }),
    async remove(collections) {
      const client = new DynamoDBClient({ endpoint, region, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } })
      for (const TableName of collections) {
        await client.send(new DeleteTableCommand({ TableName })).catch((error: Error) => {
          if (error.name !== 'ResourceNotFoundException') throw error
        })
      }
      client.destroy()
    }
  }
}

export async function memorySubject(): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), 'docferry-memory-'))
  return {
    provider: 'memory',
    endpoint: () => Promise.resolve(`memory:${join(folder, 'snapshot.json')}`),
    remove: () => rm(folder, { recursive: true, force: true })
  }
}

export async function fileSubject(name = 'documents.ndjson', more: { readonly format?: 'dynamodb-json' } = {}): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), 'docferry-file-'))
  return {
    provider: 'file',
    endpoint: () => Promise.resolve({ connector: 'file', options: { path: join(folder, name), force: true, ...more } }),
    remove: () => rm(folder, { recursive: true, force: true })
  }
}

export const subjects: Readonly<Record<ProviderName, () => Promise<Subject>>> = {
  memory: memorySubject,
  file: fileSubject,
  couchdb: couchdbSubject,
  firestore: firestoreSubject,
  dynamodb: dynamodbSubject
}
