import { expect } from 'chai'
import { leaveOutDesignDocuments, pick, rename, strip, stripCouchdbMetadata } from '../../lib/stages/index.ts'
import { parseStage, stageSpecs } from '../../lib/registry.ts'
import type { Document } from '../../lib/types.ts'
import { Double, GeoPoint, parseJson } from '../../lib/values/index.ts'
import { sameValue } from '../values/same-value.ts'

const context = { collection: 'agents' }

describe('stages', () => {
  it('strip removes top-level fields, never _id', () => {
    expect(strip(['a', '_id', 'missing']).apply({ _id: '1', a: 1, b: { a: 2 } }, context)).to.deep.equal({ _id: '1', b: { a: 2 } })
  })

  it('pick keeps the named fields and _id', () => {
    expect(pick(['b']).apply({ _id: '1', a: 1, b: 2 }, context)).to.deep.equal({ _id: '1', b: 2 })
  })

  it('rename keeps the place of a field', () => {
    expect(JSON.stringify(rename({ a: 'z' }).apply({ _id: '1', a: 1, b: 2 }, context))).to.equal('{"_id":"1","z":1,"b":2}')
  })

  it('rename can swap two fields', () => {
    expect(rename({ a: 'b', b: 'a' }).apply({ _id: '1', a: 1, b: 2 }, context)).to.deep.equal({ _id: '1', b: 1, a: 2 })
  })

  it('rename never drops a field by giving two the same name', () => {
    expect(() => rename({ a: 'b' }).apply({ _id: '1', a: 1, b: 2 }, context)).to.throw('a field of the new name already')
    expect(() => rename({ a: '_id' })).to.throw('_id')
  })

  it("strips CouchDB's own fields, and tells which", () => {
    const told: string[] = []
    const stage = stripCouchdbMetadata((collection, field) => told.push(`${collection} ${field}`))
    expect(stage.apply({ _id: '1', _rev: '1-a', _attachments: {}, _other: 1 }, context)).to.deep.equal({ _id: '1', _other: 1 })
    expect(told).to.deep.equal(['agents _rev', 'agents _attachments'])
  })

  it('leaves design documents out, and nothing else', () => {
    expect(leaveOutDesignDocuments().apply({ _id: '_design/x' }, context)).to.equal(undefined)
    expect(leaveOutDesignDocuments().apply({ _id: 'design' }, context)).to.deep.equal({ _id: 'design' })
  })

  it('are made from text', async () => {
    expect((await parseStage('strip:a,b')).apply({ _id: '1', a: 1, b: 2, c: 3 }, context)).to.deep.equal({ _id: '1', c: 3 })
    for (const [text, form] of [
      ['strip:{"option":["a"]}', `write it as in --stage strip:field,field or --stage 'strip:["`],
      ['rename:["a"]', `write it as in --stage rename:old=new,old=new or --stage 'rename:{"`],
      ['limit:{"option":3}', `write it as in --stage limit:100 or --stage 'limit:{"`],
      ['strip:[""]', 'the empty name is two quotes, in JSON "\\"\\""']
    ] as const)
      expect(String(await parseStage(text).catch((error: unknown) => error))).to.include(form)
    expect((await parseStage('strip:["\\"\\""]')).apply({ _id: '1', '': 1 }, context)).to.deep.equal({ _id: '1' })
    expect((await parseStage('rename: a = z')).apply({ _id: '1', a: 1 }, context)).to.deep.equal({ _id: '1', z: 1 })
    expect((await parseStage('strip:"a,b".c')).apply({ _id: '1', 'a,b': { c: 1, d: 2 } }, context)).to.deep.equal({
      _id: '1',
      'a,b': { d: 2 }
    })
  })

  it('are made from text with JSON in it, and remember it', async () => {
    expect((await parseStage('strip:["a"]')).apply({ _id: '1', a: 1, c: 3 }, context)).to.deep.equal({ _id: '1', c: 3 })
    expect((await parseStage('rename: {"a":"z"}')).apply({ _id: '1', a: 1 }, context)).to.deep.equal({ _id: '1', z: 1 })
    expect(await parseStage('strip:["a"]')).to.include({ name: 'strip', text: 'strip:["a"]' })
  })

  for (const name of Object.keys(stageSpecs)) {
    it(`are refused without the options that they need, with examples that work: ${name}`, async () => {
      const error = await parseStage(name).catch((reason: Error) => reason)
      if (!(error instanceof Error)) return
      expect(error.message).not.to.include('must be').and.not.include('must not be empty')
      const examples = [...error.message.matchAll(/--stage (?:'([^']+)'|(\S+))/g)].map(([, quoted, bare]) => quoted ?? bare!)
      expect(examples).not.to.deep.equal([])
      // There is no such file here.
      const usable = examples.filter(example => example !== 'validate:schema.json')
      for (const example of usable) expect(await parseStage(example)).to.include({ name })
    })
  }

  it('are named by errors of what a schema can’t say', async () => {
    const error = await parseStage('filter:{"a":{"$gtt":1}}').catch((reason: Error) => reason)
    expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
    expect((error as Error).message).to.match(/^stage filter: a\.\$gtt: /)
  })

  it('are named where a name is mistyped', async () => {
    const error = await parseStage('stripe:a').catch((reason: Error) => reason)
    expect(error).to.include({ code: 'DOCFERRY_USAGE' })
    expect((error as Error).message).to.match(/^there is no stage stripe \(did you mean strip\?\); there are strip, pick, rename/)
    for (const text of ['./nofile.ts', 'stages/mine.mjs#one', 'module:./mine.ts']) {
      const module = await parseStage(text).catch((reason: Error) => reason)
      expect((module as Error).message).to.match(/: a module of your own stands in a pipeline file .*; there are strip/)
    }
    const missing = await parseStage('').catch((reason: Error) => reason)
    expect((missing as Error).message).to.match(/^there is no stage ""; there are strip/)
    const inherited = await parseStage('toString').catch((reason: Error) => reason)
    expect((inherited as Error).message).to.match(/^there is no stage toString; there are strip/)
  })

  for (const [number, kind] of [
    ['9007199254740993', 'Long'],
    ['-12345678901234567890', 'Long'],
    ['0.1234567890123456789012', 'Decimal'],
    ['1e400', 'Decimal']
  ]) {
    it(`are not made where ${number} would be rounded`, async () => {
      const error = await parseStage(`filter:{"a":{"$gt":${number}}}`).catch((reason: Error) => reason)
      expect(error).to.include({ code: 'DOCFERRY_USAGE' })
      expect((error as Error).message).to.include(
        `${number} is more than a number keeps exactly here; where a value of a document is wanted write {"$number${kind}": "${number}"}`
      )
      expect(await parseStage(`set:{"a":{"$number${kind}":"${number}"},"b":"${number}","c":[-0.5,1e5,2.50]}`)).to.include({ name: 'set' })
    })
  }

  it('keep numbers as they are written where these are values of documents', async () => {
    const values =
      '{"a":1.0,"b":[-0.0,1e5,-0,1,2.50],"c":12345678901234567890,"d":0.1234567890123456789012,"e":{"f":1e400},"g":"1.0 \\" 2.0"}'
    for (const text of [`set:${values}`, `default:{"fields":${values}}`]) {
      const made = await parseStage(text)
      sameValue(made.apply({ _id: '1' }, { collection: 'c' }) as Document, parseJson(`{"_id":"1",${values.slice(1)}`))
    }
    const point = await parseStage('set:{"at":{"$geoPoint":[1.0,2]},"no":{"$literal":{"$date":1.0}}}')
    sameValue(point.apply({ _id: '1' }, { collection: 'c' }) as Document, {
      _id: '1',
      at: new GeoPoint(1, 2),
      no: { $date: new Double(1) }
    })
  })

  for (const text of ['strip', 'strip:a,,b', 'strip:[1]', 'strip:["a"', 'strip:a..b', 'rename:a', 'rename:a=b=c', 'rename:["a"]']) {
    it(`refuses ${JSON.stringify(text)} with the way to write it`, async () => {
      const error = await parseStage(text).catch((reason: Error) => reason)
      expect(error).to.include({ code: 'DOCFERRY_USAGE' })
      expect((error as Error).message).to.match(/strip:field,field|rename:old=new/)
    })
  }
})
