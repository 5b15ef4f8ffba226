import { expect } from 'chai'
import { split } from '../../lib/stages/split.ts'
import type { SplitOptions } from '../../lib/stages/split.ts'
import type { Document } from '../../lib/types.ts'
import { Timestamp, ValueSet } from '../../lib/values/index.ts'
import type { Value } from '../../lib/values/index.ts'

const context = { collection: 'sessions' }

function parts(options: SplitOptions, fields: Record<string, Value>): Document[] {
  const result = split(options).apply({ _id: 's', ...fields }, context)
  if (result === undefined || result === null) return []
  return Symbol.iterator in result ? [...(result as Iterable<Document>)] : [result as Document]
}

describe('stage split', () => {
  it('makes a document of each member, by index, with the values that it had', () => {
    const at = new Timestamp(1, 5)
    expect(parts({ path: 'a.list' }, { a: { list: [{ at }, 'text', [1], null] } })).to.deep.equal([
      { _id: 's-0', at },
      { _id: 's-1', value: 'text' },
      { _id: 's-2', value: [1] },
      { _id: 's-3', value: null }
    ])
  })

  it('takes maps by key, and sets', () => {
    expect(parts({ path: 'm' }, { m: { x: { a: 1 }, y: 2 } })).to.deep.equal([
      { _id: 's-x', a: 1 },
      { _id: 's-y', value: 2 }
    ])
    expect(parts({ path: 'm', as: 'tag' }, { m: new ValueSet(['a']) })).to.deep.equal([{ _id: 's-0', tag: 'a' }])
  })

  it('puts every member where `as` says', () => {
    expect(parts({ path: 'l', as: 'message' }, { l: [{ _id: 'own' }, 1] })).to.deep.equal([
      { _id: 's-0', message: { _id: 'own' } },
      { _id: 's-1', message: 1 }
    ])
  })

  it('names them by a template', () => {
    const id = '{{ parent.user }}/{{ _id }}/{{ member.n }}/{{ index }}'
    expect(parts({ path: 'l', id }, { user: 'u', l: [{ n: 7 }] })[0]).to.include({ _id: 'u/s/7/0' })
    expect(parts({ path: 'm', id: '{{ key }}' }, { m: { k: 1 } })[0]).to.include({ _id: 'k' })
    expect(() => split({ path: 'l', id: '{{ $index }}' }))
      .to.throw('$index')
      .with.property('code', 'DOCFERRY_CONFIG')
  })

  it('lets a member’s own _id give way to a template only', () => {
    expect(() => parts({ path: 'l' }, { l: [{ _id: 'hush' }] }))
      .to.throw('l[0] has an _id of its own')
      .with.property('message')
      .not.include('hush')
    expect(parts({ path: 'l', id: '{{ member._id }}' }, { l: [{ _id: 'own', a: 1 }] })).to.deep.equal([{ _id: 'own', a: 1 }])
  })

  it('never gives two members one id', () => {
    expect(() => parts({ path: 'l', id: '{{ member.n }}' }, { l: [{ n: 'a' }, { n: 'a' }] })).to.throw('l[1] gets an id that')
    expect(() => parts({ path: 'l', id: '{{ _id }}', parent: true }, { l: [1] })).to.throw('l[0] gets an id that')
  })

  it('keeps what it is told of the parent, in copies', () => {
    const user = { name: 'Ada' }
    const made = parts(
      { path: 'l', keep: { user: 'by', _id: 'of', missing: 'm', 'a.b': 'c.d' } },
      { user, a: { b: 1 }, l: [{ x: 1 }, { x: 2 }] }
    )
    expect(made).to.deep.equal([
      { _id: 's-0', x: 1, by: user, of: 's', c: { d: 1 } },
      { _id: 's-1', x: 2, by: user, of: 's', c: { d: 1 } }
    ])
    expect(new Set([user, ...made.map(({ by }) => by)]).size).to.equal(3)
    expect(parts({ path: 'l', keep: ['user.name'] }, { user, l: [{}] })).to.deep.equal([{ _id: 's-0', user: { name: 'Ada' } }])
  })

  it('never replaces a field of a member', () => {
    expect(() => parts({ path: 'l', keep: ['x'] }, { x: 'hush', l: [{ x: 1 }] }))
      .to.throw('keep: l[0] has a field x already')
      .with.property('message')
      .not.include('hush')
  })

  it('gives the parent without the list first, and changes nothing in the document', () => {
    const document = { _id: 's', a: { list: [{ x: 1 }], b: 1 } }
    const made = [...(split({ path: 'a.list', parent: true }).apply(document, context) as Iterable<Document>)]
    expect(made).to.deep.equal([
      { _id: 's', a: { b: 1 } },
      { _id: 's-0', x: 1 }
    ])
    expect(document).to.deep.equal({ _id: 's', a: { list: [{ x: 1 }], b: 1 } })
  })

  it('is not misled by a later stage that changes the parent in place', () => {
    const stage = split({ path: 'l', parent: true, keep: ['user'], id: '{{ parent.user.id }}-{{ index }}' })
    const made: Document[] = []
    for (const each of stage.apply({ _id: 's', user: { id: 'u' }, l: [1, 2] }, context) as Iterable<Document>) {
      made.push(structuredClone(each))
      ;(each['user'] as Record<string, Value>)['id'] = 'changed'
    }
    expect(made.map(({ _id, user }) => ({ _id, user }))).to.deep.equal(['s', 'u-0', 'u-1'].map(_id => ({ _id, user: { id: 'u' } })))
  })

  it('drops a document without members, or passes it, or gives it as the parent', () => {
    for (const fields of [{}, { l: null }, { l: [] }, { l: {} }] as Record<string, Value>[]) {
      expect(parts({ path: 'l' }, fields)).to.deep.equal([])
      expect(parts({ path: 'l', empty: 'pass' }, fields)).to.deep.equal([{ _id: 's', ...fields }])
      expect(parts({ path: 'l', parent: true }, fields)).to.deep.equal([{ _id: 's' }])
    }
  })

  it('fails on what has no members, without saying what it is', () => {
    expect(() => parts({ path: 'l' }, { l: 'hush' })).to.throw('l: a list or a map is wanted, and there is text')
  })

  it('makes members one by one', () => {
    const list = Array.from({ length: 300_000 }, (_, index) => ({ index }))
    const first = (split({ path: 'l' }).apply({ _id: 's', l: list }, context) as Generator<Document>).next()
    expect(first.value).to.deep.equal({ _id: 's-0', index: 0 })
  })

  it('keeps a field called __proto__', () => {
    const list = [JSON.parse('{"__proto__":{"a":1}}') as Value]
    expect(JSON.stringify(parts({ path: 'l' }, { l: list })[0])).to.equal('{"_id":"s-0","__proto__":{"a":1}}')
  })

  for (const [options, message] of [
    [{ path: '_id' }, 'path: _id is text'],
    [{ path: 'a[*].b' }, 'path: one list is wanted'],
    [{ path: 'a', as: '_id' }, 'as: _id is made by id'],
    [{ path: 'a', keep: ['b', '_id'] }, 'keep[1]: the _id of a new document is made by id'],
    [{ path: 'a', keep: { b: 'c.*' } }, 'keep.b: one place is wanted']
  ] as const) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => split(options))
        .to.throw(message)
        .with.property('code', 'DOCFERRY_CONFIG')
    })
  }
})
