import { expect } from 'chai'
import fc from 'fast-check'
import { escapeName, hashedId, MovedFields, moveLongNames, mustEscapeName, restoreNames, unescapeName } from '../../lib/values/index.ts'
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
  ['$%_own', '$%$%25_own'],
  ['$%%', '$%$%25%25']
]

describe('values: names', () => {
  for (const [name, escaped] of examples) {
    it(`writes ${JSON.stringify(name)} as ${escaped}, and reads it again`, () => {
      expect(escapeName(name)).to.equal(escaped)
      expect(unescapeName(escaped)).to.equal(name)
    })
  }

  for (const name of ['$%abc', '$%a%2fb', '$%a%2', '$%%', '$%a%25', 'a%2Fb', '$a', '%', '$%a%uD7FF']) {
    it(`takes ${name} for what it is`, () => {
      expect(unescapeName(name)).to.equal(undefined)
    })
  }

  it('knows which names of a user would be read as escaped', () => {
    expect(awkwardNames.filter(mustEscapeName)).to.deep.equal(['$%', '$%%', '$%_own', '$%a%2Fb', '$%$%25%25'])
  })

  it('gives every name back that it escapes where one is needed', () => {
    fc.assert(
      fc.property(fc.oneof(anyString, fc.constantFrom(...awkwardNames)), name => {
        for (const needy of [name, `_${name}`, `${name}/`, `$%${name}`]) {
          if (needy === name && unescapeName(escapeName(name)) === undefined) continue
          expect(unescapeName(escapeName(needy))).to.equal(needy === `$%${name}` || needy !== name ? needy : name)
        }
      }),
      { numRuns: 2_000 }
    )
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
    expect(restoreNames(asRead(moved) as Document)).to.deep.equal(document)
  })

  it('keeps an id that is too long in the list, under its hash', () => {
    const id = `_${'x'.repeat(3_000)}`
    const moved = moveLongNames({ _id: id, a: 1 }, () => false, id)
    expect(restoreNames({ ...(asRead(moved) as Document), _id: hashedId(id) })).to.deep.equal({ _id: id, a: 1 })
  })

  it('leaves a list alone that is not the one of its id', () => {
    const document: Document = { _id: 'own', '$%%': ['_id', 'another'], a: 1 }
    expect(restoreNames(document)._id).to.equal('own')
  })

  it('leaves a document alone that has nothing escaped', () => {
    const document: Document = { _id: '$%a', '$%b': { list: [{ '$%c': 1 }] }, $date: 'soon', '%2F': 2 }
    sameValue(restoreNames(structuredClone(document)), document)
  })
})

/** As a database gives it: the list is an array. */
function asRead(value: unknown): Value {
  if (value instanceof MovedFields) return value.list.map(asRead)
  if (Array.isArray(value)) return value.map(asRead)
  if (typeof value !== 'object' || value === null) return value as Value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, asRead(field)]))
}
