/** DynamoDB's documents that travel packed. */
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { dynamodbConnector } from '../lib/connectors/dynamodb/index.ts'
import { rename } from '../lib/stages/rename.ts'
import { packingSuite } from './support/packing-suite.ts'
import { servers } from './support/servers.ts'

const odd = [
  '{"_id":"rev","_rev":"1-a","_attachments":{"a":{"length":3},"b":{"length":4}},"n":1}',
  '{"_id":"number","n":1.0,"big":12345678901234567890,"long":0.9113690123456789}',
  '{"_id":"numbers","micros":1700000000123456,"zero":0,"small":0.000001,"cents":1.50,"tiny":1e-7,"most":9007199254740991,"minus":-0}',
  '{"_id":"digits","n":0.12345678901234567890123456789012345678,"more":0.123456789012345678901234567890123456789}',
  '{"_id":"date","at":{"$date":"2026-01-01T00:00:00Z"},"deep":{"a":[1,2]}}',
  '{"_id":"bytes","b":{"$bytes":"AQI="},"tags":{"$set":["a","b"]}}',
  '{"_id":"$%_escaped","$%_b":1}',
  '{"_id":"dollar","map":{"$%x":1}}',
  '{"_id":"_design/view","views":{}}',
  '{"_id":"_odd","n":1}',
  '{"_id":"","n":1}',
  '{"_id":"empty","":1,"text":"","list":[],"map":{}}',
  '{"_id":"underscore","_secret":1}',
  '{"_id":"proto","map":{"__proto__":{"a":1}}}',
  '{ "_id" : "space" , "b" : [ 1 , 2 ] }\r',
  '{"_id":"nul","text":"\\u0000\u2028\\/\\ud83d\\ude00"}',
  '{"_id":"half","text":"\\ud800"}',
  'no JSON',
  '{"_id":"again","n":1}',
  '{"_id":"again","n":2}',
  `{"_id":"deep","n":${'['.repeat(31)}1${']'.repeat(31)}}`,
  `{"_id":"deeper","n":${'['.repeat(32)}1${']'.repeat(32)}}`,
  `{"_id":"${'i'.repeat(2_049)}","n":1}`,
  `{"_id":"most","text":"${'é'.repeat(204_000)}"}`,
  `{"_id":"large","text":"${'é'.repeat(400_000)}"}`
]

describe('packed documents of DynamoDB', function () {
  this.timeout(120_000)
  let client: DynamoDBClient
  before(async () => void (client = new DynamoDBClient(await servers.dynamodb())))
  after(() => client.destroy())

  packingSuite({
    connector: dynamodbConnector,
    options: async () => dynamodbConnector.configure('dynamodb', (await servers.dynamodb()).environment),
    async drop(name) {
      await client.send(new DeleteTableCommand({ TableName: name })).catch((error: Error) => {
        if (error.name !== 'ResourceNotFoundException') throw error
      })
    },
    odd,
    count: 500,
    reading: [{ stages: [rename({ n: 'm' })] }]
  })
})
