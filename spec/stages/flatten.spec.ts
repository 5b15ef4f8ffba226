import { expect } from 'chai'
import { Timestamp } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import { applied, failed, json, wrong } from './support.ts'

describe('stage flatten: edges', () => {
  it('keeps empty maps and lists, null and values of classes as they are', async () => {
    const document = { _id: '1', a: {}, b: [], c: null, d: new Timestamp(1, 0), e: new Uint8Array(1) }
    expect(await applied('flatten', { lists: true }, document)).to.equal(document)
    expect(await applied('flatten', { lists: true }, { _id: '1', x: { a: {}, b: [], l: [[], [1]] } })).to.deep.equal({
      _id: '1',
      'x.a': {},
      'x.b': [],
      'x.l.0': [],
      'x.l.1.0': 1
    })
  })

  it('refuses two fields of one name', async () => {
    expect(await failed('flatten', {}, { _id: '1', 'a.b': 1, a: { b: 2 } })).to.equal('two fields would be called "a.b"')
    expect(await failed('flatten', { separator: '_' }, { _id: '1', '': { id: 2 } })).to.equal('two fields would be called "_id"')
  })

  it("leaves CouchDB's own fields whole", async () => {
    const document = { _id: '1', _attachments: { 'a.txt': { stub: true } } }
    expect(await applied('flatten', {}, document)).to.equal(document)
  })

  it('takes fields called __proto__', async () => {
    expect(JSON.stringify(await applied('flatten', {}, json('{"_id":"1","__proto__":{"a":1},"b":{"__proto__":2}}')))).to.equal(
      '{"_id":"1","__proto__.a":1,"b.__proto__":2}'
    )
    expect(JSON.stringify(await applied('unflatten', {}, json('{"_id":"1","__proto__.a":1,"b.__proto__":2}')))).to.equal(
      '{"_id":"1","__proto__":{"a":1},"b":{"__proto__":2}}'
    )
  })

  it('refuses options that are none', async () => {
    expect(await wrong('flatten', { depth: 0, separator: '' }))
      .to.include('depth: must be at least 1')
      .and.include('separator: must not be empty')
  })
})

describe('stage unflatten: edges', () => {
  const documents: Document[] = [
    { _id: '1', a: { b: { c: 1, d: [1, { e: 2 }] } }, f: null },
    { _id: '2', l: [[1, 2], { x: [] }], m: { '': 1 } },
    { _id: '3', t: { at: new Timestamp(1, 0) } }
  ]

  it('gives back what flatten made, at each depth', async () => {
    for (const options of [{}, { lists: true }, { depth: 1 }, { depth: 2, lists: true }, { separator: '__' }]) {
      for (const document of documents) {
        const flat = (await applied('flatten', options, document)) as Document
        expect(await applied('unflatten', options, flat)).to.deep.equal(document)
      }
    }
  })

  it('puts fields into a map that is there, and leaves the map of the document as it was', async () => {
    const document = { _id: '1', a: { b: { c: 1 } }, 'a.b.d': 2, 'a.e': 3 }
    expect(await applied('unflatten', {}, document)).to.deep.equal({ _id: '1', a: { b: { c: 1, d: 2 }, e: 3 } })
    expect(document.a).to.deep.equal({ b: { c: 1 } })
    expect(await applied('unflatten', {}, { _id: '1', 'a.e': 3, a: { b: 1 } })).to.deep.equal({ _id: '1', a: { e: 3, b: 1 } })
  })

  it('makes lists only of maps that it has made, and that lack no index', async () => {
    expect(
      await applied('unflatten', { lists: true }, { _id: '1', 'a.0': 1, 'a.2': 2, 'b.1': 1, 'b.0': 0, c: { '0': 1 }, 'c.1': 2 })
    ).to.deep.equal({ _id: '1', a: { '0': 1, '2': 2 }, b: [0, 1], c: { '0': 1, '1': 2 } })
  })

  it('refuses a field in the place of another', async () => {
    expect(await failed('unflatten', {}, { _id: '1', a: 'text', 'a.b': 2 })).to.equal('"a.b": another field stands in the way')
    expect(await failed('unflatten', {}, { _id: '1', 'a.b': 2, a: 'text' })).to.equal('"a": another field stands in its place')
    expect(await failed('unflatten', {}, { _id: '1', a: { b: 1 }, 'a.b': 2 })).to.equal('"a.b": another field stands in its place')
    expect(await failed('unflatten', {}, { _id: '1', '_id.a': 2 })).to.include('stands in the way')
  })
})
