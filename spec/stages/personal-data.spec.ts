/** redact, hash and id: what must not be seen, and what must come out the same each time. */
import { createHash, createHmac } from 'node:crypto'
import { expect } from 'chai'
import { parseStage } from '../../lib/registry.ts'
import { canonicalBytes, Double, Timestamp } from '../../lib/values/index.ts'
import type { Document, Value } from '../../lib/values/index.ts'
import { applied, context, failed, json, made, making, wrong } from './support.ts'

describe('stage redact: edges', () => {
  it('replaces any value but null, at every place', async () => {
    const document = { _id: '1', a: 1, b: null, l: [{ k: 'x' }, { k: null }, 'k'], t: new Timestamp(1, 0) }
    expect(await applied('redact', { fields: ['a', 'b', 'l[*].k', 't', 'none'], with: 'gone' }, document)).to.deep.equal({
      _id: '1',
      a: 'gone',
      b: null,
      l: [{ k: 'gone' }, { k: null }, 'k'],
      t: 'gone'
    })
    expect(await applied('redact', { fields: ['a', 't'], with: null }, document)).to.include({ a: null, t: null })
  })

  it('shows at most half of what it masks', async () => {
    const masked = async (value: Value): Promise<unknown> =>
      ((await applied('redact', { fields: ['v'], keepLast: 4 }, { _id: '1', v: value })) as Document)['v']
    expect(await masked('12345678')).to.equal('****5678')
    expect(await masked('12345')).to.equal('***45')
    expect(await masked('1')).to.equal('*')
    expect(await masked('')).to.equal('')
    expect(await masked(12345678)).to.equal('****5678')
    expect(await masked('🙂🙂🙂🙂')).to.equal('**🙂🙂')
    expect(await masked({ a: 1 })).to.equal('[redacted]')
    expect(await masked(true)).to.equal('[redacted]')
  })

  it('finds patterns in all texts but _id and names', async () => {
    const document = { _id: 'a@b.co', 'c@d.ef': 'x', deep: [{ text: 'to ada.l+x@mail.example.org, now' }], n: 5 }
    expect(await applied('redact', { patterns: ['email'] }, document)).to.deep.equal({
      _id: 'a@b.co',
      'c@d.ef': 'x',
      deep: [{ text: 'to [redacted], now' }],
      n: 5
    })
    expect(document.deep[0]!.text).to.include('ada.l')
    expect(await applied('redact', { patterns: ['email'], fields: ['x'] }, document)).to.equal(document)
  })

  it('keeps the order of fields', async () => {
    expect(JSON.stringify(await applied('redact', { patterns: ['email'] }, { a: 'x@y.zz', _id: '1' }))).to.equal(
      '{"a":"[redacted]","_id":"1"}'
    )
  })

  for (const [pattern, yes, no] of [
    ['email', ['ada@example.com', 'jörg@müller.de', 'a.b-c+d@x.y.co.uk'], ['@ada', 'a@b', 'not an address']],
    ['phone', ['+39 06 1234567', '+1 (555) 010-9999', '+491701234567'], ['12345678', 'a+1 b', '+1 2']],
    [
      'card',
      ['4111 1111 1111 1111', '4111111111111111', '5500-0000-0000-0004'],
      ['4111111111111112', '1714557600250', '41111111111111111111111']
    ],
    ['ip', ['10.0.0.1', 'at 255.255.255.255.'], ['1.2.3', '1.2.3.4.5', '256.1.1.1']],
    [
      'token',
      ['sk-abcdefghijklmnopqrst', 'ghp_abcdefghijklmnopqrstuv', 'AKIAIOSFODNN7EXAMPLE', 'eyJhbGciOi.eyJzdWIiOi.abc'],
      ['task-abcdefghijklmnopqrst', 'sk-1']
    ]
  ] as const) {
    it(`knows ${pattern} when it sees one`, async () => {
      for (const v of yes) expect(await applied('redact', { patterns: [pattern] }, { _id: '1', v }), v).to.not.include({ v })
      for (const v of no) expect(await applied('redact', { patterns: [pattern] }, { _id: '1', v }), v).to.include({ v })
    })
  }

  it('looks at a megabyte of anything in linear time', async () => {
    const stage = await made('redact', { patterns: ['email', 'phone', 'card', 'ip', 'token'] })
    const started = process.cpuUsage()
    for (const piece of ['a', 'a@', 'a.', '1', '1 ', '+1', '1.', 'eyJ.', 'a-'])
      void stage.apply({ _id: '1', v: `@+.${piece.repeat(1_000_000 / piece.length)}` }, context)
    expect(process.cpuUsage(started).user).to.be.below(10_000_000)
  })

  it('takes regular expressions, and refuses those that are none', async () => {
    expect(await applied('redact', { patterns: [{ regex: 'EMP-\\d+' }], with: 'EMP-x' }, { _id: '1', v: 'EMP-12 and EMP-7' })).to.include({
      v: 'EMP-x and EMP-x'
    })
    expect(await wrong('redact', { patterns: ['email', { regex: '(' }] })).to.include('patterns[1].regex: Invalid regular expression')
    expect(await wrong('redact', { patterns: [{ regex: 'a*' }] })).to.include('matches the empty text')
    expect(await wrong('redact', { patterns: ['emial'] }))
      .to.include('patterns[0]: ')
      .and.include('did you mean email?')
    expect(await wrong('redact', {})).to.equal('stage redact: one of fields, patterns is needed')
    expect(await wrong('redact', { patterns: ['email'], with: null })).to.include('with: null')
    expect(await wrong('redact', ['_id'])).to.include('_id')
  })
})

describe('stage hash: edges', () => {
  const hashOf = async (options: object, value: Value): Promise<unknown> =>
    ((await applied('hash', { fields: ['v'], ...options }, { _id: '1', v: value })) as Document)['v']

  it('is the SHA-256 or HMAC of the canonical value', async () => {
    const bytes = canonicalBytes({ a: 1 } as unknown as Document)
    expect(await hashOf({}, { a: 1 })).to.equal(createHash('sha256').update(bytes).digest('hex'))
    expect(await hashOf({ key: 'k', format: 'base64url' }, { a: 1 })).to.equal(createHmac('sha256', 'k').update(bytes).digest('base64url'))
  })

  it('is the same for equal values, and another for any other', async () => {
    expect(await hashOf({}, 1)).to.equal(await hashOf({}, new Double(1)))
    expect(await hashOf({}, { a: 1, b: 2 })).to.equal(await hashOf({}, { b: 2, a: 1 }))
    const others: Value[] = [1, '1', true, [1], { a: 1 }, new Timestamp(1, 0), new Uint8Array([49]), '']
    expect(new Set(await Promise.all(others.map(value => hashOf({}, value)))).size).to.equal(others.length)
    expect(await hashOf({ key: 'a' }, 1)).to.not.equal(await hashOf({ key: 'b' }, 1))
  })

  it('leaves null and what is missing, and hashes members of lists one by one', async () => {
    const result = (await applied('hash', ['a', 'b', 'l[*]'], { _id: '1', a: null, l: ['x', null, 'x'] })) as { l: unknown[] }
    expect(result).to.include({ a: null }).and.not.have.property('b')
    expect(result.l[0])
      .to.match(/^[0-9a-f]{64}$/)
      .and.to.equal(result.l[2])
    expect(result.l[1]).to.equal(null)
  })

  it('takes its key from a variable, and tells where there is none', async () => {
    expect(await hashOf({ keyVariable: 'HASH_KEY' }, 1)).to.equal(await hashOf({ key: 'of the environment' }, 1))
    expect(await wrong('hash', { fields: ['a'], keyVariable: 'NO_KEY' })).to.include('the variable NO_KEY is not set')
    expect(await wrong('hash', { fields: ['a'], keyVariable: 'HASH_KEY', key: 'x' })).to.include('either key or keyVariable')
    expect(await wrong('hash', { fields: ['a'], key: '' })).to.include('key: must not be empty')
    expect(await wrong('hash', { fields: ['a'], format: 'base64url', length: 64 })).to.include('has 43 characters')
  })

  it('takes no key from the command line, where it would be kept with the run', async () => {
    const text = 'hash:{"fields":["v"],"key":"hunter2"}'
    const error = await parseStage(text, making).catch((reason: Error) => reason)
    expect(error).to.include({ code: 'DOCFERRY_USAGE' })
    expect((error as Error).message)
      .to.include('key does not belong on the command line')
      .and.not.include('hunter2')
    const stage = await parseStage('hash:{"fields":["v"],"keyVariable":"HASH_KEY"}', making)
    expect(stage.apply({ _id: '1', v: 1 }, context)).to.deep.equal({ _id: '1', v: await hashOf({ keyVariable: 'HASH_KEY' }, 1) })
  })
})

describe('stage id: edges', () => {
  it('joins texts, numbers and times, and fails for what is missing, by name', async () => {
    expect(await applied('id', { fields: ['a.b', 'n', '_id'], separator: ':' }, { _id: 'x', a: { b: 't' }, n: new Double(2) })).to.include({
      _id: 't:2:x'
    })
    expect(await failed('id', { fields: ['a'] }, { _id: 'x' })).to.equal('a: is not there, and the id is made of it')
    expect(await failed('id', { fields: ['a'] }, { _id: 'x', a: null })).to.equal('a: is null, and the id is made of it')
    expect(await failed('id', { fields: ['a'] }, { _id: 'x', a: { secret: 1 } })).to.equal("a: a map can't be part of an id")
    expect(await failed('id', { fields: ['a'] }, { _id: 'x', a: '' })).to.equal('the id would be empty')
    expect(await failed('id', { hash: ['a', '_id'] }, { _id: 'x' })).to.include('a: is not there')
  })

  it('makes UUIDs of collection, old id and namespace', async () => {
    const uuid = async (_id: string, options: object = {}, collection = 'users'): Promise<string> =>
      ((await (await made('id', { uuid: true, ...options })).apply({ _id }, { collection })) as Document)._id
    expect(await uuid('a')).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const all = [
      await uuid('a'),
      await uuid('b'),
      await uuid('a', { namespace: 'n' }),
      await uuid('a', {}, 'agents'),
      await uuid('sa', {}, 'user')
    ]
    expect(new Set(all).size).to.equal(5)
    expect(await uuid('a')).to.equal(all[0])
  })

  it('hashes the old id as the stage hash hashes a reference to it', async () => {
    const options = { key: 'k', format: 'base64url', length: 24 }
    const { _id } = (await applied('id', { hash: ['_id'], ...options }, { _id: 'ada' })) as Document
    expect(await applied('hash', { fields: ['user'], ...options }, { _id: '1', user: 'ada' })).to.include({ user: _id })
  })

  it('says whether ids may repeat', async () => {
    for (const [options, mayRepeatIds] of [
      [{ fields: ['a'] }, true],
      [{ fields: ['_id', 'a'] }, true],
      [{ uuid: true }, false],
      [{ hash: ['_id'] }, false],
      [{ hash: ['_id'], length: 16 }, true],
      [{ hash: ['a'] }, true],
      [{ hash: ['a', '_id'] }, false]
    ] as const)
      expect(await made('id', options), JSON.stringify(options)).to.include({ mayRepeatIds })
  })

  it('keeps the old id where it is told, unless something stands there', async () => {
    expect(await applied('id', { fields: ['n'], keep: 'old.id' }, { _id: 'x', n: 1 })).to.deep.equal({ _id: '1', n: 1, old: { id: 'x' } })
    expect(await applied('id', { fields: ['n'], keep: 'old' }, { _id: 'x', n: 1, old: 'x' })).to.deep.equal({ _id: '1', n: 1, old: 'x' })
    expect(await failed('id', { fields: ['n'], keep: 'old' }, { _id: 'x', n: 1, old: 'y' })).to.include('old: something stands there')
  })

  it('leaves design documents alone', async () => {
    const design = { _id: '_design/x', n: 1 }
    expect(await applied('id', { fields: ['n'] }, design)).to.equal(design)
  })

  it('takes a field called __proto__', async () => {
    expect(await applied('id', { fields: ['__proto__'] }, json('{"_id":"x","__proto__":"p"}'))).to.include({ _id: 'p' })
    expect(await failed('id', { fields: ['__proto__'] }, { _id: 'x' })).to.include('is not there')
  })

  it('wants one way, and options that belong to it', async () => {
    expect(await wrong('id', {})).to.include('one of fields, uuid and hash')
    expect(await wrong('id', { uuid: true, fields: ['a'] })).to.include('one of fields, uuid and hash')
    expect(await wrong('id', { uuid: true, separator: '-' })).to.include('fields: is missing, and separator needs it')
    expect(await wrong('id', { fields: ['a[*]'] })).to.include('several places')
    expect(await wrong('id', { fields: ['a'], keep: '_id' })).to.include('_id')
  })
})
