/** CouchDB's documents that travel packed. */
import { couchdbConnector } from '../lib/connectors/couchdb/index.ts'
import { packingSuite } from './support/packing-suite.ts'
import { servers } from './support/servers.ts'

const odd = [
  '{"_id":"rev","_rev":"1-a","_attachments":{"a":{"length":3},"b":{"length":4}},"n":1}',
  '{"_id":"number","n":1.0,"big":12345678901234567890,"long":0.9113690123456789}',
  '{"_id":"date","at":{"$date":"2026-01-01T00:00:00Z"},"deep":{"a":[1,2]}}',
  '{"_id":"$%_escaped","$%_b":1}',
  '{"_id":"dollar","map":{"$%x":1}}',
  '{"_id":"_design/view","views":{}}',
  '{"_id":"_odd","n":1}',
  '{"_id":"","n":1}',
  '{"_id":"underscore","_secret":1}',
  '{"_id":"proto","map":{"__proto__":{"a":1}}}',
  '{ "_id" : "space" , "b" : [ 1 , 2 ] }\r',
  '{"_id":"nul","text":"\\u0000\u2028"}',
  '{"_id":"half","text":"\\ud800"}',
  'no JSON',
  '{"_id":"again","n":1}',
  '{"_id":"again","n":2}',
  `{"_id":"large","text":"${'é'.repeat(400_000)}"}`
]

describe('packed documents of CouchDB', function () {
  this.timeout(120_000)

  packingSuite({
    connector: couchdbConnector,
    options: async () => couchdbConnector.configure('couchdb', (await servers.couchdb()).environment),
    async drop(name) {
      const { url, user, password } = await servers.couchdb()
      const headers = { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
      await fetch(`${url}/${name}`, { method: 'DELETE', headers })
    },
    odd
  })
})
