/** PouchDB behind CouchDB's protocol, as it is: without the front that makes it strict. */
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import expressPouchdb from 'express-pouchdb'
import PouchCore from 'pouchdb-core'
import memoryAdapter from 'pouchdb-adapter-memory'
import mapReduce from 'pouchdb-mapreduce'

let started: Promise<Server> | undefined

/** One for all specs: two on one PouchDB get into each other's way. */
export async function pouchdbUrl(): Promise<string> {
  started ??= start()
  return `http://127.0.0.1:${((await started).address() as AddressInfo).port}`
}

async function start(): Promise<Server> {
  PouchCore.plugin(memoryAdapter).plugin(mapReduce)
  const PouchDB = PouchCore.defaults({ adapter: 'memory' })
  PouchDB.setMaxListeners(0)
  const server = createServer(expressPouchdb(PouchDB, { mode: 'minimumForPouchDB' }))
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  return server
}

// A hook outside any describe belongs to the whole run.
after('stop PouchDB', async () => {
  const server = await started
  server?.closeAllConnections()
  server?.close()
})
