/** Values that published tools change on their way, each shown to arrive as it was. Each is named for the defect. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ValueSet } from '../lib/values/index.ts'
import type { GrpcEnd, HttpEnd } from './faults/ends.ts'
import { askCouchdb, dynamodbItem, memory, storeOf, useDatabases } from './support/known-losses.ts'

describe('known losses: values', function () {
  this.timeout(60_000)
  const ends = useDatabases()
  const { name, move, readBack, databases } = ends
  let folder: string
  let couchdb: HttpEnd
  let dynamodb: HttpEnd
  let firestore: GrpcEnd

  before(() => ({ folder, couchdb, dynamodb, firestore } = ends.opened))

  it('floats cut to six decimals', async () => {
    const collection = name()
    const document = {
      _id: 'floats',
      a: 0.1234567890123456,
      b: 1e-7,
      c: 123456.78901234567,
      d: 5e-324,
      e: -1.7976931348623157e100,
      f: [0.30000000000000004]
    }
    for (const { place } of databases()) {
      await move({ source: memory(storeOf({ [collection]: [document] })), target: place.end })
      expect(await readBack(place.end, collection), place.end.connector).to.deep.equal([document])
    }
    const item = await dynamodbItem(collection, 'floats')
    expect(item?.['a']).to.deep.equal({ N: '0.1234567890123456' })
    expect(Number(item?.['c']?.N)).to.equal(document.c)
    expect(await askCouchdb(`/${collection}/floats`))
      .to.contain('0.1234567890123456')
      .and.contain('0.30000000000000004')
  })

  it('sets turned into arrays and binaries into a placeholder', async () => {
    const [table, back] = [name(), name()]
    const bytes = Buffer.from([0, 1, 254, 255])
    const document = {
      _id: 'sets',
      s: new ValueSet(['b', 'a']),
      n: new ValueSet([1, 2.5]),
      b: new ValueSet([bytes]),
      raw: bytes,
      empty: Buffer.alloc(0)
    }
    await move({ source: memory(storeOf({ [table]: [document] })), target: dynamodb.address })
    const item = await dynamodbItem(table, 'sets')
    for (const { place } of [couchdb, firestore]) {
      await move({ source: dynamodb.address, target: place.end, collections: [table] })
      await move({ source: place.end, target: dynamodb.address, collections: [table], rename: { [table]: back }, onConflict: 'overwrite' })
      const returned = await dynamodbItem(back, 'sets')
      expect(returned, place.end.connector).to.deep.equal(item)
    }
    expect(item?.['s']?.SS).to.have.members(['a', 'b'])
    expect(item?.['n']?.NS).to.have.members(['1', '2.5'])
    expect(Buffer.from(item!['b']!.BS![0]!)).to.deep.equal(bytes)
    expect(Buffer.from(item!['raw']!.B!)).to.deep.equal(bytes)
  })

  it('nested binary encoded twice', async () => {
    const [table, back] = [name(), name()]
    const bytes = Buffer.from('AQIDBA==')
    await move({ source: memory(storeOf({ [table]: [{ _id: 'nested', a: { b: [bytes, { c: bytes }] } }] })), target: dynamodb.address })
    const file = join(folder, `${table}.json`)
    await move({ source: dynamodb.address, target: file, collections: [table] })
    expect(readFileSync(file, 'utf8').split(bytes.toString('base64'))).to.have.lengthOf(3)
    await move({ source: file, target: dynamodb.address, rename: { [table]: back } })
    const inner = (await dynamodbItem(back, 'nested'))?.['a']?.M?.['b']?.L
    expect(Buffer.from(inner![0]!.B!)).to.deep.equal(bytes)
    expect(Buffer.from(inner![1]!.M!['c']!.B!)).to.deep.equal(bytes)
  })

  it('strings of digits turned into numbers', async () => {
    const collection = name()
    const document = {
      _id: '007',
      zip: '01234',
      big: '123456789012345678901234567890',
      exponent: '1e5',
      dot: '1.0',
      list: ['0', '-0'],
      no: 'NaN'
    }
    const file = join(folder, `${collection}.ndjson.gz`)
    await move({ source: memory(storeOf({ [collection]: [document] })), target: file })
    for (const { place } of databases()) {
      for (const types of ['natural', 'plain'] as const) {
        await move({ source: file, target: place.end, types, onConflict: 'overwrite' })
        expect(await readBack(place.end, collection), `${place.end.connector}, ${types}`).to.deep.equal([document])
      }
    }
    expect((await dynamodbItem(collection, '007'))?.['big']).to.deep.equal({ S: document.big })
    expect(await askCouchdb(`/${collection}/007`)).to.contain('"exponent":"1e5"')
  })
})
