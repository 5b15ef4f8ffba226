import { expect } from 'chai'
import { Timestamp } from '../../lib/values/index.ts'
import { applied, failed, json, wrong } from './support.ts'

describe('stage strip: edges', () => {
  it('removes members of a list by the indexes that they had', async () => {
    expect(await applied('strip', ['a[0]', 'a[2]'], { _id: '1', a: [0, 1, 2, 3] })).to.deep.equal({ _id: '1', a: [1, 3] })
    expect(await applied('strip', ['a[*]'], { _id: '1', a: [0, 1] })).to.deep.equal({ _id: '1', a: [] })
    expect(await applied('strip', ['a[9]', 'a[*].x'], { _id: '1', a: [{ x: 1 }, 2, null] })).to.deep.equal({ _id: '1', a: [{}, 2, null] })
  })

  it('passes over what is missing, null, or no map', async () => {
    for (const a of [null, 1, 'text', [], {}, new Timestamp(1, 0), new Uint8Array(2)])
      expect(await applied('strip', ['a.b', 'a.*', 'b', 'c.d.e'], { _id: '1', a })).to.deep.equal({ _id: '1', a })
  })

  it('removes every field of a map, and no member of the values of classes', async () => {
    expect(await applied('strip', ['m.*', 't.seconds'], { _id: '1', m: { a: 1, b: 2 }, t: new Timestamp(1, 0) })).to.deep.equal({
      _id: '1',
      m: {},
      t: new Timestamp(1, 0)
    })
  })

  it('never removes _id', async () => {
    expect(await applied('strip', ['_id', 'a'], { _id: '1', a: 1 })).to.deep.equal({ _id: '1' })
    expect(await applied('strip', ['_id', 'a.b'], { _id: '1' })).to.deep.equal({ _id: '1' })
  })

  it('removes a field called __proto__ or with a dot in its name', async () => {
    const stripped = await applied(
      'strip',
      ['__proto__', '"a.b"', 'c.__proto__'],
      json('{"_id":"1","__proto__":1,"a.b":2,"c":{"__proto__":3,"d":4}}')
    )
    expect(JSON.stringify(stripped)).to.equal('{"_id":"1","c":{"d":4}}')
    expect(JSON.stringify(await applied('strip', ['__proto__'], json('{"_id":"1","__proto__":1}')))).to.equal('{"_id":"1"}')
  })

  it('takes a list of 200,000 members in linear time', async () => {
    const list = Array.from({ length: 200_000 }, (_, index) => ({ index, x: 1 }))
    const { list: rest } = (await applied('strip', ['list[0]', 'list[1]', 'list[*].x'], { _id: '1', list })) as { list: object[] }
    expect(rest.length).to.equal(199_998)
    expect(rest[0]).to.deep.equal({ index: 2 })
  })
})

describe('stage pick: edges', () => {
  it('keeps maps and lists on the way, and leaves out what is neither', async () => {
    const given = { _id: '1', a: { x: 1 }, b: 'text', c: [1, { y: 2, z: 3 }, null], d: null }
    expect(await applied('pick', ['a.b', 'b.c', 'c[*].y', 'd'], given)).to.deep.equal({ _id: '1', a: {}, c: [{ y: 2 }], d: null })
  })

  it('keeps members of a list by index', async () => {
    expect(await applied('pick', ['c[1]', 'c[3].x'], { _id: '1', c: [0, 1, 2, { x: 3, y: 4 }] })).to.deep.equal({
      _id: '1',
      c: [1, { x: 3 }]
    })
  })

  it('joins what several paths keep of one map', async () => {
    const given = { _id: '1', m: { a: { x: 1, y: 2, z: 3 }, b: { x: 1, y: 2 } } }
    expect(await applied('pick', ['m.*.x', 'm.a.y'], given)).to.deep.equal({ _id: '1', m: { a: { x: 1, y: 2 }, b: { x: 1 } } })
  })

  it('keeps a field called __proto__ where it is named', async () => {
    const given = '{"_id":"1","__proto__":{"a":1},"b":{"__proto__":2,"c":3}}'
    expect(JSON.stringify(await applied('pick', ['__proto__'], json(given)))).to.equal('{"_id":"1","__proto__":{"a":1}}')
    expect(JSON.stringify(await applied('pick', ['__proto__.a', 'b.__proto__'], json(given)))).to.equal(
      '{"_id":"1","__proto__":{"a":1},"b":{"__proto__":2}}'
    )
    expect(JSON.stringify(await applied('pick', ['b.c'], json(given)))).to.equal('{"_id":"1","b":{"c":3}}')
  })
})

describe('stage rename: edges', () => {
  it('renames inside of maps and lists, each in its place', async () => {
    const given = { _id: '1', a: { x: 1, y: 2 }, l: [{ x: 1 }, 3], m: { p: { x: 1 }, q: null } }
    expect(JSON.stringify(await applied('rename', { 'a.x': 'z', 'l[*].x': 'l[*].z', 'm.*.x': 'z' }, given))).to.equal(
      '{"_id":"1","a":{"z":1,"y":2},"l":[{"z":1},3],"m":{"p":{"z":1},"q":null}}'
    )
  })

  it('names the field that is there already, and leaves the document as it was', async () => {
    expect(await failed('rename', { 'a.x': 'y' }, { _id: '1', a: { x: 1, y: 2 } })).to.match(
      /^a\.y: the document has a field of the new name/
    )
    expect(
      await failed('rename', { b: 'c', 'a.x': 'z', 'l[*].x': 'y' }, { _id: '1', b: 1, a: { x: 1 }, l: [{ x: 1 }, { x: 1, y: 2 }] })
    ).to.match(/^l\[1\]\.y:/)
  })

  it('refuses what leads elsewhere, and _id', async () => {
    expect(await wrong('rename', { a: 'b.c' })).to.include('the stage move')
    expect(await wrong('rename', { 'a.b': 'c.b' })).to.include('the stage move')
    expect(await wrong('rename', { 'a[0]': 'b' })).to.include('must end with the name of a field')
    expect(await wrong('rename', { _id: 'b' })).to.include('_id')
    expect(await wrong('rename', { a: '_id' })).to.include('_id')
    expect(await wrong('rename', { a: 1 })).to.equal('stage rename: a: must be text, and is a number')
    expect(await wrong('rename', {})).to.equal('stage rename: must not be empty')
  })

  it('knows fields called __proto__, constructor, and with dots', async () => {
    expect(JSON.stringify(await applied('rename', { __proto__x: 'y', constructor: 'z' }, json('{"_id":"1","__proto__":1}')))).to.equal(
      '{"_id":"1","__proto__":1}'
    )
    const names = JSON.parse('{"__proto__":"p","a":"\\"x.y\\""}') as object
    expect(JSON.stringify(await applied('rename', names, json('{"_id":"1","__proto__":1,"a":2}')))).to.equal('{"_id":"1","p":1,"x.y":2}')
  })
})
