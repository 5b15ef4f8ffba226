/** A CouchDB-compatible server in a process of its own: express-pouchdb in memory behind a strict front. */
import { randomBytes, randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { launch } from './launch.ts'
import type { RunningServer } from './launch.ts'

export interface RunningCouchdb extends RunningServer {
  readonly user: string
  readonly password: string
}

export async function startCouchdb(options: { readonly signal?: AbortSignal }): Promise<RunningCouchdb> {
  const user = 'admin'
  const password = randomBytes(12).toString('hex')
  const uuid = randomUUID().replaceAll('-', '')
  const fromSource = import.meta.url.endsWith('.ts')
  const script = new URL(fromSource ? './couchdb-process.ts' : './couchdb-process.js', import.meta.url)
  const server = await launch({
    name: 'CouchDB (express-pouchdb)',
    command: process.execPath,
    args: port => [...(fromSource ? ['--import', tsxLoader()] : []), fileURLToPath(script), String(port)],
    env: { DOCFERRY_COUCHDB_USER: user, DOCFERRY_COUCHDB_PASSWORD: password, DOCFERRY_COUCHDB_UUID: uuid },
    isReady: async (port, _output, signal) => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { signal })
      return (await response.text()).includes(uuid)
    },
    signal: options.signal
  })
  return { ...server, user, password }
}

/** Without `import.meta.resolve`, which is missing where tsx runs a module as CommonJS. */
function tsxLoader(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
}
