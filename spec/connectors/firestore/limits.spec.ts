import { expect } from 'chai'
import { collectionRefusal, fieldNameRefusal, idRefusal } from '../../../lib/connectors/firestore/limits.ts'

describe('firestore: limits', () => {
  it('takes the ids that Firestore takes', () => {
    for (const id of ['a', ' ', '\0', 'é', '__', '____', '__id7__', '__a', 'a.b', '...', 'x'.repeat(1500), 'é'.repeat(750)]) {
      expect(idRefusal(id), id).to.equal(undefined)
    }
  })

  it('refuses the ids that Firestore refuses', () => {
    for (const id of ['', '.', '..', 'a/b', '__x__', '__\n__', '\ud800', 'x'.repeat(1501), 'é'.repeat(751)]) {
      expect(idRefusal(id)?.code, id).to.equal('DOCFERRY_BAD_ID')
    }
  })

  it('refuses the collection names that Firestore refuses', () => {
    for (const name of ['', '.', '..', 'a/b', '__x__', '__id7__', 'x'.repeat(1501)]) {
      expect(collectionRefusal(name)?.code, name).to.equal('DOCFERRY_COLLECTION_NAME')
    }
    for (const name of ['agents', 'a b', 'a.b', 'é']) expect(collectionRefusal(name), name).to.equal(undefined)
  })

  it('refuses the field names that Firestore refuses', () => {
    const refusal = (name: string): string | undefined => fieldNameRefusal(name, Buffer.byteLength(name))?.code
    for (const name of ['', '__x__', '__proto__', 'x'.repeat(1501)]) expect(refusal(name), name).to.equal('DOCFERRY_BAD_FIELD')
    for (const name of ['a', '____', '__x', 'a.b', 'a/b', '`*~', 'é'.repeat(750)]) expect(refusal(name), name).to.equal(undefined)
  })
})
