/** The few calls of the untyped packages that the CouchDB-compatible server makes. */
declare module 'pouchdb-core' {
  import type { PouchStatic } from './couchdb-pouch.ts'
  const PouchDB: PouchStatic
  export default PouchDB
}
declare module 'express-pouchdb' {
  import type { IncomingMessage, ServerResponse } from 'node:http'
  import type { PouchStatic } from './couchdb-pouch.ts'
  type Handler = (request: IncomingMessage, response: ServerResponse) => void
  export default function expressPouchdb(
    pouch: PouchStatic,
    options: { mode: string; overrideMode?: { include?: string[]; exclude?: string[] } }
  ): Handler
}
declare module 'pouchdb-adapter-memory'
declare module 'pouchdb-find'
declare module 'pouchdb-mapreduce'
