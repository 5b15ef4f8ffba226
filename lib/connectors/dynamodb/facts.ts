/** What every DynamoDB holds, in tables of documents' own layout. */
import type { Facts } from '../../contracts/inspection.ts'
import { toItem } from '../../formats/dynamodb/items.ts'
import { documentKey } from '../../formats/dynamodb/keys.ts'
import { maxContainers, maxItemBytes } from '../../formats/dynamodb/limits.ts'
import { checkCollection } from './writer.ts'

export const facts: Facts = {
  title: 'DynamoDB',
  collection: 'table',
  maxDocumentBytes: maxItemBytes,
  maxDepth: maxContainers,
  gives: ['null', 'boolean', 'string', 'number', 'decimal', 'bytes', 'set', 'array', 'map'],
  checkCollection,
  encode(document, rules, onConversion) {
    const item = toItem(documentKey, document, rules, onConversion)
    return 'code' in item ? item : { id: item.id, bytes: item.bytes, payload: item.json }
  }
}
