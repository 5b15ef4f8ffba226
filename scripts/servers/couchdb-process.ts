/** The process of the CouchDB-compatible server: `couchdb-process <port>`, with the admin's name and password in the environment. */
import { createServer } from 'node:http'
import expressPouchdb from 'express-pouchdb'
import PouchCore from 'pouchdb-core'
import memoryAdapter from 'pouchdb-adapter-memory'
import find from 'pouchdb-find'
import mapReduce from 'pouchdb-mapreduce'
import { createFront } from './couchdb-front.ts'

/** Room for requests with long addresses, which the front refuses itself. */
const maxHeaderSize = 1 << 20

// express-pouchdb throws from callbacks on odd requests; one of them must not take the server away from the others.
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error: unknown) => void process.stderr.write(`${event}: ${error instanceof Error ? error.stack : String(error)}\n`))
}

function setting(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set`)
  return value
}

PouchCore.plugin(memoryAdapter).plugin(mapReduce).plugin(find)
const PouchDB = PouchCore.defaults({ adapter: 'memory' })
// Each open database and feed listens.
PouchDB.setMaxListeners(0)
const next = expressPouchdb(PouchDB, { mode: 'minimumForPouchDB', overrideMode: { include: ['routes/find'], exclude: ['compression'] } })
const front = createFront({
  PouchDB,
  next,
  user: setting('DOCFERRY_COUCHDB_USER'),
  password: setting('DOCFERRY_COUCHDB_PASSWORD'),
  uuid: setting('DOCFERRY_COUCHDB_UUID')
})
const server = createServer({ maxHeaderSize }, front)
server.on('error', error => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
server.listen(Number(process.argv[2]), '127.0.0.1')
