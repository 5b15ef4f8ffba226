import { expect } from 'chai'
import fc from 'fast-check'
import { escapeName, hashedId, isEscapedName, MovedFields, moveLongNames, restoreNames, unescapeName } from '../../lib/values/index.ts'
import type { Document, Value } from '../../lib/values/index.ts'
import { anyString } from './arbitraries.ts'
import { awkwardNames } from './awkward.ts'
import { sameValue } from './same-value.ts'

const examples: readonly (readonly [string, string])[] = [
  ['', '$%'],
  ['.', '$%.'],
  ['a/b', '$%a%2Fb'],
  ['__name__', '$%__name__'],
  ['100%/', '$%100%25%2F'],
  ['a\ud83d', '$%a%uD83D'],
  ['_own', '$%_own'],
  ['$%_own', '$%$%25_own']
]

/** As a database might. */
const refuses = (name: string): boolean => name === '' || name === '.' || name.includes('/') || /^_|\p{Surrogate}/u.test(name)
const rules = { refusesId: refuses, refusesField: refuses, mayMove: (name: string) => name.length > 20 }

describe('values: names', () => {
  for (const [name, escaped] of examples) {
    it(`writes ${JSON.stringify(name)} as ${escaped}, and reads it again`, () => {
      expect(escapeName(name)).to.equal(escaped)
      expect(unescapeName(escaped, refuses)).to.equal(name)
    })
  }

  for (const name of ['$%abc', '$%a%2fb', '$%a%2', '$%%', '$%a%25', 'a%2Fb', '$a', '%', '$%a%uD7FF']) {
    it(`takes ${name} for what it is`, () => {
      expect(unescapeName(name, refuses)).to.equal(undefined)
    })
  }

  it('knows which names of a user would be read as escaped', () => {
    expect(awkwardNames.filter(name => isEscapedName(name, refuses))).to.deep.equal(['$%', '$%_own', '$%a%2Fb'])
  })

  it('gives every name back, whatever a database refuses', () => {
    fc.assert(
      fc.property(fc.oneof(anyString, fc.constantFrom(...awkwardNames)), name => {
        for (const each of [name, `_${name}`, `${name}/`, `$%${name}`, `$%$%25${name}`]) {
          const stored = refuses(each) || isEscapedName(each, refuses) ? escapeName(each) : each
          expect(refuses(stored)).to.equal(false)
          expect(unescapeName(stored, refuses) ?? stored).to.equal(each)
        }
      }),
      { numRuns: 2_000 }
    )
  })

  it('takes no name for escaped that the database could hold as it is', () => {
    expect(unescapeName('$%a%2Fb', name => name.startsWith('_'))).to.equal(undefined)
    expect(unescapeName('$%_a', name => name.startsWith('_'))).to.equal('_a')
    const document: Document = { _id: '$%a%2Fb', map: { 'a/b': 1, '$%a%2Fb': 2 } }
    const rules = { refusesId: () => false, refusesField: () => false }
    expect(restoreNames(structuredClone(document), rules)).to.deep.equal(document)
  })

  it('never gives two names one escaped form', () => {
    fc.assert(
      fc.property(anyString, anyString, (one, other) => {
        if (one !== other) expect(escapeName(one)).not.to.equal(escapeName(other))
      })
    )
  })

  it('moves names that are too long into a list beside the others, and back', () => {
    const long = 'x'.repeat(30)
    const document: Document = { _id: 'a', [long]: { [long]: [1] }, short: 2 }
    const moved = moveLongNames(document, name => name.length > 20)
    expect(Object.keys(moved).sort()).to.deep.equal(['$%%', '_id', 'short'])
    expect(moved['$%%']).to.be.instanceOf(MovedFields)
    expect(restoreNames(asRead(moved) as Document, rules)).to.deep.equal(document)
  })

  it('keeps an id that is too long in the list, under its hash', () => {
    const id = `_${'x'.repeat(3_000)}`
    const moved = moveLongNames({ _id: id, a: 1 }, () => false, id)
    expect(restoreNames({ ...(asRead(moved) as Document), _id: hashedId(id) }, rules)).to.deep.equal({ _id: id, a: 1 })
  })

  it('leaves a list alone that docferry has not written', () => {
    for (const list of [['_id', 'another'], ['short', 1], ['x'.repeat(30)], [1, 2], ['y'.repeat(30), 1]]) {
      const document: Document = { _id: 'own', '$%%': list, a: 1, ['y'.repeat(30)]: 2 }
      expect(restoreNames(structuredClone(document), rules)).to.deep.equal(document)
    }
  })

  it('leaves a document alone that has nothing escaped', () => {
    const document: Document = { _id: '$%a', '$%b': { list: [{ '$%c': 1 }] }, $date: 'soon', '%2F': 2 }
    sameValue(restoreNames(structuredClone(document), rules), document)
  })
})

/** As a database gives it: the list is an array. */
function asRead(value: unknown): Value {
  if (value instanceof MovedFields) return value.list.map(asRead)
  if (Array.isArray(value)) return value.map(asRead)
  if (typeof value !== 'object' || value === null) return value as Value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, asRead(field)]))
}
