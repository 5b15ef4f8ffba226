/** What every store in memory holds: all values, as long as there is room. */
import type { Facts } from '../../contracts/inspection.ts'
import { isOrdinary, plainDocument, valueKinds } from '../../values/index.ts'
import { copyDocument } from './values.ts'

export const facts: Facts = {
  title: 'memory',
  collection: 'collection',
  gives: valueKinds,
  checkCollection: name => (name === '' ? { code: 'DOCFERRY_COLLECTION_NAME', message: 'a collection without a name' } : undefined),
  encode(document, { types }, onConversion) {
    const held = types === 'plain' && !isOrdinary(document) ? plainDocument(document, { onConversion }) : document
    const { document: copy, bytes } = copyDocument(held)
    return { id: copy._id, bytes: Math.ceil(bytes), payload: copy }
  }
}
