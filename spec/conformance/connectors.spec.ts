import { describeChanges } from './changes.ts'
import { fileSubject, subjects } from './subjects.ts'
import { describeConnector } from './suite.ts'

const database = { keepsDocuments: true, shared: true, hasLimits: true }
const file = { keepsDocuments: false, shared: false, hasLimits: false }

describeConnector('memory', subjects.memory, { keepsDocuments: true, shared: false, hasLimits: false })
describeConnector('file, NDJSON', () => fileSubject('documents.ndjson'), file)
describeConnector('file, NDJSON.gz', () => fileSubject('documents.ndjson.gz'), file)
describeConnector('file, JSON', () => fileSubject('documents.json'), file)
describeConnector('file, folder', () => fileSubject('documents/'), file)
describeConnector('file, folder of DynamoDB JSON', () => fileSubject('documents/', { format: 'dynamodb-json' }), {
  ...file,
  hasLimits: true
})
describeConnector('couchdb', subjects.couchdb, database)
describeConnector('firestore', subjects.firestore, database)
describeConnector('dynamodb', subjects.dynamodb, database)

describeChanges('memory', subjects.memory, { keepsEmpty: true })
describeChanges('couchdb', subjects.couchdb, { keepsEmpty: true })
describeChanges('firestore', subjects.firestore, { keepsEmpty: false })
describeChanges('dynamodb', subjects.dynamodb, { keepsEmpty: true })
