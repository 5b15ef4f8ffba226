import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  cloneDocument,
  Decimal,
  describeNoValue,
  Double,
  GeoPoint,
  kindOf,
  mostDigits,
  parseJson,
  Reference,
  setField,
  stringifyJson,
  Timestamp,
  ValueSet,
  Vector
} from '../../lib/values/index.ts'
import type { Document, Value, ValueMap } from '../../lib/values/index.ts'
import { anyDocument } from './arbitraries.ts'

class User {
  readonly _id = 'u'
}

/** As JavaScript lets anybody make it. */
const madeOf = (type: { readonly prototype: object }, fields: object = {}): unknown =>
  Object.assign(Object.create(type.prototype) as object, fields)
const setOf = (members: unknown): ValueSet => new ValueSet(members as never)
const vectorOf = (values: unknown): Vector => new Vector(values as never)

const revoked = (target: object): unknown => {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

const gone = (): Uint8Array => {
  const bytes = new Uint8Array(8)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

const describeOf = (fields: object): string | undefined => describeNoValue({ _id: 'a', ...fields })

describe('values: what is none', () => {
  for (const [name, [value, hint]] of Object.entries<readonly [unknown, string]>({
    Date: [new Date(0), 'make it a Timestamp, or text'],
    Map: [new Map(), 'make it a plain object'],
    Set: [new Set(), 'make it a list, or a ValueSet'],
    Promise: [Promise.resolve(1), 'await it'],
    Float32Array: [new Float32Array(1), 'make it a Uint8Array, or a list'],
    ArrayBuffer: [new ArrayBuffer(1), 'make it a Uint8Array, or a list'],
    User: [new User(), 'make it a plain object, or text'],
    RegExp: [/a/, 'make it a plain object, or text'],
    function: [() => 1, 'leave it out'],
    symbol: [Symbol('x'), 'leave it out'],
    'an integer of more than 10000 digits': [10n ** BigInt(mostDigits), 'make it text']
  })) {
    it(`names what it is, and where: ${name}`, () => {
      expect(describeOf({ at: value })).to.equal(`something that is no value at at (${name}): ${hint}`)
      expect(describeOf({ 'a.b': [1, { c: value }] })).to.equal(`something that is no value at "a.b"[1].c (${name}): ${hint}`)
      expect(describeOf({ when: new Timestamp(1, 0), $x: { y: value } })).to.equal(`something that is no value at $x.y (${name}): ${hint}`)
    })
  }

  it('takes undefined for a field that is not there, and for no value of a list', () => {
    expect(describeOf({ a: undefined, b: { c: undefined } })).to.equal(undefined)
    for (const list of [[undefined, 1], Array(1)])
      expect(describeOf({ list })).to.equal('something that is no value at list[0] (undefined): in a list write null, or nothing')
  })

  it('tells of a document that is an object of a class', () => {
    expect(describeNoValue(new User() as unknown as Document)).to.equal('a document that is no plain object (User): make it one, { ...it }')
  })

  it('tells what holds itself, and where', () => {
    const document: Record<string, unknown> = { _id: 'a', wide: Array.from({ length: 10 }, () => ({})) }
    document['parts'] = [{ whole: document, again: document }]
    expect(describeNoValue(document as Document)).to.equal('a document that holds itself at parts[0].whole: leave that out')
    const list: unknown[] = [1]
    list.push(list)
    expect(describeOf({ list })).to.equal('a document that holds itself at list[1]: leave that out')
  })

  it('takes what is nested too deep for what a target refuses, and what stands twice for what it is', () => {
    let deep: Value = 1
    for (let level = 0; level < 20_000; level++) deep = level % 2 === 0 ? { a: deep } : [deep]
    expect(describeOf({ deep })).to.equal(undefined)
    const twice = { b: 1n }
    expect(describeOf({ twice, again: [twice, twice] })).to.equal(undefined)
  })

  it('tells what can not be read', () => {
    const thrower = {
      get boom(): never {
        throw new Error('no boom')
      }
    }
    expect(describeOf({ thrower })).to.equal("something that can't be read at thrower.boom: no boom")
    const nameless = Object.create({
      get constructor(): never {
        throw new Error('no class')
      }
    }) as object
    expect(describeOf({ nameless: Object.create(nameless) as object })).to.include('at nameless (object)')
  })

  for (const [what, value, instead] of [
    ['a Double of string', madeOf(Double, { value: '1' }), 'give it a number'],
    ['a Double of undefined', madeOf(Double), 'give it a number'],
    ['a Timestamp of what is not whole, or out of range', madeOf(Timestamp), 'give it whole seconds'],
    ['a Timestamp of what is not whole, or out of range', madeOf(Timestamp, { seconds: 1, nanoseconds: 0.5 }), 'give it whole seconds'],
    ['a Decimal of what is no number, or of more than 10000 digits', madeOf(Decimal, { digits: 'secret' }), 'give it text such as'],
    ['a Decimal of what is no number, or of more than 10000 digits', madeOf(Decimal, { digits: 1.5 }), 'give it text such as'],
    [
      'a Decimal of what is no number, or of more than 10000 digits',
      new Decimal(`0.${'1'.repeat(mostDigits + 1)}`),
      'give it text such as'
    ],
    ['a GeoPoint of string', madeOf(GeoPoint, { latitude: 1, longitude: 'secret' }), 'give it two numbers'],
    ['a Reference of number', madeOf(Reference, { path: 5 }), 'give it the path as text'],
    ['a Vector with undefined at 1', vectorOf([1, undefined]), 'give it a list of numbers'],
    ['a Vector with undefined at 0', vectorOf(Array(1)), 'give it a list of numbers'],
    ['a Vector with string at 0', vectorOf(['x']), 'give it a list of numbers'],
    ['a Vector of string', vectorOf('12'), 'give it a list of numbers'],
    ['an empty ValueSet', setOf([]), 'leave it out'],
    ['a ValueSet of Set', setOf(new Set(['a'])), 'give it a list'],
    ['a ValueSet with Date at 1', setOf([1, new Date()]), 'give it texts, numbers or Uint8Arrays, all of one kind'],
    ['a ValueSet with Object at 0', setOf([{ a: 1 }]), 'give it texts, numbers or Uint8Arrays, all of one kind'],
    ['a ValueSet with members of several kinds', setOf(['a', 1]), 'give it texts, numbers or Uint8Arrays, all of one kind'],
    ['a ValueSet that holds one member twice', setOf([1, 2, 1n]), 'give it each once'],
    ['a ValueSet with an integer of more than 10000 digits', setOf([10n ** BigInt(mostDigits)]), 'make it text'],
    ['a Uint8Array whose bytes are gone', gone(), 'give it a buffer of its own'],
    ['a Uint8Array whose bytes are gone', madeOf(Uint8Array), 'give it a buffer of its own']
  ] as const) {
    it(`looks into docferry’s own classes: ${what}, ${instead}`, () => {
      const text = describeOf({ seen: [1, { by: value }] })
      expect(text).to.include(`something that is no value at seen[1].by (${what}): ${instead}`)
      expect(text).not.to.include('secret')
    })
  }

  it('is refused by the constructors that can tell it at once', () => {
    const odd = (value: unknown): never => value as never
    for (const make of [
      () => new Timestamp(1700000000, 123399902.34),
      () => new Timestamp(1700000000, 1e9),
      () => new Timestamp(1.5, 0),
      () => new Timestamp(odd('1'), 0),
      () => new Decimal(odd(12.5)),
      () => new Decimal('secret')
    ])
      expect(make, String(make)).to.throw(RangeError)
    for (const make of [
      () => new Double(odd('1')),
      () => new GeoPoint(odd('1'), 2),
      () => new GeoPoint(1, odd(undefined)),
      () => new Reference(odd(5))
    ])
      expect(make, String(make)).to.throw(TypeError)
  })

  it('takes a Vector of a Float32Array, and a set with 1.0, for what they are written as', () => {
    expect(describeOf({ v: vectorOf(new Float32Array([1, 0.5])), s: setOf([1, new Double(2)]) })).to.equal(undefined)
  })

  it('tells of a Proxy that is no more', () => {
    const said = /^something that can't be read at by: Cannot perform .* on a proxy that has been revoked$/
    for (const target of [{}, [], new Date(0), new Timestamp(1, 0)]) expect(describeOf({ by: revoked(target) })).to.match(said)
    expect(describeOf({ by: madeOf(Reference, { path: 'a' }), list: [revoked({})] })).to.include("can't be read at list[0]")
  })

  it('passes only instances that are read back as what they are', () => {
    const held = fc.oneof(
      fc.constantFrom<unknown>(
        undefined,
        null,
        '',
        'x',
        '1',
        1n,
        true,
        new Date(0),
        new Decimal('1E+400'),
        new Double(1),
        new Uint8Array(1)
      ),
      fc.double(),
      fc.integer(),
      fc.string()
    )
    const list = fc.oneof(fc.array(held, { maxLength: 3 }), fc.array(fc.integer({ max: 3 }), { maxLength: 3 }), held)
    const instance = fc.oneof(
      held.map(value => madeOf(Double, { value })),
      held.map(digits => madeOf(Decimal, { digits })),
      held.map(path => madeOf(Reference, { path })),
      fc.tuple(held, held).map(([latitude, longitude]) => madeOf(GeoPoint, { latitude, longitude })),
      fc.tuple(held, held).map(([seconds, nanoseconds]) => madeOf(Timestamp, { seconds, nanoseconds })),
      list.map(vectorOf),
      list.map(setOf)
    )
    const numeric = ['number', 'bigint', 'double', 'decimal']
    fc.assert(
      fc.property(instance, value => {
        if (describeOf({ value }) !== undefined) return
        const [before, after] = [value as Value, (parseJson(stringifyJson({ value: value as Value })) as { value: Value }).value].map(
          kindOf
        )
        expect(numeric.includes(before!) ? numeric.includes(after!) : after === before, `${before} ${after}`).to.equal(true)
      }),
      { numRuns: 5000 }
    )
  })

  it('knows plain objects of another realm, and the classes there', () => {
    expect(describeOf({ a: runInNewContext('({ b: [1, { c: null }] })') as object })).to.equal(undefined)
    expect(describeOf({ a: runInNewContext('new Date(0)') as object })).to.include('at a (Date)')
  })

  it('finds nothing in any document, and whatever was put into one', () => {
    fc.assert(
      fc.property(
        anyDocument,
        fc.nat(),
        fc.constantFrom(new Date(0), new Map(), () => 1, Symbol('x')),
        (document, seed, odd) => {
          expect(describeNoValue(document)).to.equal(undefined)
          const planted = cloneDocument(document)
          plant(planted, odd, seed)
          expect(describeNoValue(planted)).to.match(/^something that is no value at /)
          expect(() => stringifyJson(planted)).to.throw('no value')
        }
      ),
      { numRuns: 2000 }
    )
  })
})

/** Into one of its maps or lists. */
function plant(document: Document, odd: unknown, seed: number): void {
  const holders: (ValueMap | Value[])[] = []
  const collect = (value: Value): void => {
    if (typeof value !== 'object' || value === null || !(Array.isArray(value) || isPlain(value))) return
    holders.push(value as ValueMap)
    for (const member of Object.values(value)) collect(member as Value)
  }
  collect(document)
  const holder = holders[seed % holders.length]!
  if (Array.isArray(holder)) holder.push(odd as Value)
  else setField(holder, 'odd', odd as Value)
}

function isPlain(value: object): boolean {
  return [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)
}
