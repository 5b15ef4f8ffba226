import { expect } from 'chai'
import fc from 'fast-check'
import { parseJson } from '../../lib/values/index.ts'
import { parseEscapedKeys, parseText } from '../../lib/values/parse-text.ts'
import { oddText } from '../support/odd-json.ts'

/** Keys that the engines concerned take for one another, where the one with `\\` comes first. */
const alike = ['a\\', 'a\n', 'a"', 'a\u0000', 'a\\n', 'a\nb', '\\', '\n', 'a']

const key = fc.oneof(fc.constantFrom(...alike, '__proto__', '1', '0', 'k0', 'k1', 'é', ''), fc.string({ maxLength: 3 }))
interface Spelt<T> {
  readonly text: string
  readonly value: T
}

const literal = fc.tuple(key, fc.boolean()).map(([value, isEscaped]): Spelt<string> => {
  const text = isEscaped ? value.replaceAll(/[^]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`) : undefined
  return { text: text === undefined ? JSON.stringify(value) : `"${text}"`, value }
})
const scalar = fc.constantFrom<unknown>(1, null, 'a\n:', '\\', ':').map((value): Spelt<unknown> => ({ text: JSON.stringify(value), value }))
const space = fc.constantFrom('', ' ', '\n\t')
const { any } = fc.letrec<{ any: Spelt<unknown>; map: Spelt<unknown>; list: Spelt<unknown> }>(tie => ({
  any: fc.oneof({ depthSize: 'small' }, scalar, tie('map'), tie('list')),
  map: fc.array(fc.tuple(literal, space, tie('any')), { maxLength: 4 }).map(fields => ({
    text: `{${fields.map(([name, between, field]) => `${name.text}${between}:${field.text}`).join()}}`,
    // Unlike an assignment, it makes a field of `__proto__` too.
    value: Object.fromEntries(fields.map(([name, , field]) => [name.value, field.value]))
  })),
  list: fc.array(tie('any'), { maxLength: 3 }).map(elements => ({
    text: `[${elements.map(({ text }) => text).join()}]`,
    value: elements.map(({ value }) => value)
  }))
}))

/** What comes, and in which order. */
function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(shown).join()}]`
  return `{${Object.entries(value)
    .map(([name, field]) => `${JSON.stringify(name)}:${shown(field)}`)
    .join()}}`
}

function refusalOf(parse: (text: string) => unknown, text: string): string | undefined {
  try {
    parse(text)
    return undefined
  } catch (error) {
    return String(error)
  }
}

describe('the text of JSON', () => {
  it('keeps a key with an escape, whichever the engine has met before', () => {
    for (const first of alike)
      for (const second of alike)
        for (const field of ['', '"field":1,']) {
          for (const before of ['[]', '1']) parseText(`{${field.replace('1', before)}${JSON.stringify(first)}:${before}}`)
          const given = `{${field}${JSON.stringify(second)}:1}`
          expect(Object.keys(parseText(given) as object).at(-1), given).to.equal(second)
          expect(Object.keys(parseJson(given) as object).at(-1), given).to.equal(second)
          expect(Object.keys((parseJson(`[${given},1.0]`) as [object])[0]).at(-1), given).to.equal(second)
        }
  })

  it('is parsed by other names as it would be by its own', () => {
    fc.assert(
      fc.property(any, ({ text, value }) => {
        expect(shown(parseEscapedKeys(text)), text).to.equal(shown(value))
        expect(shown(parseText(text)), text).to.equal(shown(value))
      }),
      { numRuns: 5000 }
    )
  })

  it('is refused as the engine refuses it, wherever it is spoilt', () => {
    fc.assert(
      fc.property(any, fc.nat(), fc.nat(3), oddText, (whole, at, length, put) => {
        const place = at % (whole.text.length + 1)
        const text = whole.text.slice(0, place) + put + whole.text.slice(place + length)
        expect(refusalOf(parseEscapedKeys, text), text).to.equal(refusalOf(JSON.parse, text))
      }),
      { numRuns: 5000 }
    )
  })
})
