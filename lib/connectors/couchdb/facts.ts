/** What every CouchDB holds. */
import type { Facts } from '../../contracts/inspection.ts'
import { checkDatabaseName, defaultMaxDocumentBytes } from './limits.ts'
import { encodeDocument } from './values.ts'

export const facts: Facts = {
  title: 'CouchDB',
  collection: 'database',
  maxDocumentBytes: defaultMaxDocumentBytes,
  gives: ['null', 'boolean', 'string', 'number', 'array', 'map'],
  checkCollection: name => checkDatabaseName(name),
  encode: (document, rules, onConversion) =>
    encodeDocument(document, { maxDocumentBytes: defaultMaxDocumentBytes, partitioned: false, pouchdb: false }, rules, onConversion)
}
