/**
 * What a person would write to move one document: `node bare-start.js <couchdb|dynamodb|firestore|file> <from> <to>`. The collection is there; the
 * vendor's client is loaded, writes the document of an NDJSON file, and is closed.
 */
import { readFile, writeFile } from 'node:fs/promises'

type Plain = Record<string, unknown> & { readonly _id: string }

const writers: Readonly<Record<string, (document: Plain, to: string) => Promise<unknown>>> = {
  async file(document, to) {
    await writeFile(to, `${JSON.stringify(document)}\n`)
  },
  async couchdb(document, to) {
    const { default: nano } = await import('nano')
    const { COUCHDB_URL = '', COUCHDB_USER = '', COUCHDB_PASSWORD = '' } = process.env
    const url = Object.assign(new URL(COUCHDB_URL), { username: COUCHDB_USER, password: COUCHDB_PASSWORD })
    const server = nano({ url: url.href })
    await server.use(to).bulk({ docs: [document] })
  },
  async dynamodb(document, to) {
    const { BatchWriteItemCommand, DynamoDBClient } = await import('@aws-sdk/client-dynamodb')
    const { marshall } = await import('@aws-sdk/util-dynamodb')
    const client = new DynamoDBClient({ endpoint: process.env['DYNAMODB_ENDPOINT_URL'], region: process.env['DYNAMODB_REGION'] })
    await client.send(new BatchWriteItemCommand({ RequestItems: { [to]: [{ PutRequest: { Item: marshall(document) } }] } }))
    client.destroy()
  },
  async firestore({ _id, ...fields }, to) {
    const { Firestore } = await import('@google-cloud/firestore')
    const firestore = new Firestore({ projectId: process.env['GOOGLE_CLOUD_PROJECT'] })
    await firestore.collection(to).doc(_id).set(fields)
    await firestore.terminate()
  }
}

const [provider = '', from = '', to = ''] = process.argv.slice(2)
const [line = ''] = (await readFile(from, 'utf8')).split('\n')
await writers[provider]?.(JSON.parse(line) as Plain, to)
// As docferry does: what a client keeps open is not waited for.
process.exit(0)
