import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import fc from 'fast-check'
import { cloneDocument, describeNoValue, mostDigits, setField, stringifyJson, Timestamp } from '../../lib/values/index.ts'
import type { Document, Value, ValueMap } from '../../lib/values/index.ts'
import { anyDocument } from './arbitraries.ts'

class User {
  readonly _id = 'u'
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
