/** What every Firestore holds. */
import type { Facts } from '../../contracts/inspection.ts'
import { DocumentEncoder } from './encoder.ts'
import { collectionRefusal, maxDepth, maxDocumentBytes } from './limits.ts'

export const facts: Facts = {
  title: 'Firestore',
  collection: 'collection',
  maxDocumentBytes,
  maxDepth,
  gives: [
    'null',
    'boolean',
    'string',
    'number',
    'double',
    'bigint',
    'bytes',
    'timestamp',
    'geoPoint',
    'reference',
    'vector',
    'array',
    'map'
  ],
  checkCollection: collectionRefusal,
  encode: (document, rules, onConversion) =>
    new DocumentEncoder('projects/p/databases/(default)/documents', rules).encode('documents', document, onConversion)
}
