/** Documents of all value kinds with the names, ids and depths that one database or another refuses. */
import fc from 'fast-check'
import { setField } from '../../lib/values/index.ts'
import type { Document, Value, ValueMap } from '../../lib/values/index.ts'
import { anyKey, anyString, anyValue } from './arbitraries.ts'

/** Not those that CouchDB keeps for its revisions: a run strips these. */
export const awkwardNames: readonly string[] = [
  '',
  '.',
  '..',
  'a.b',
  'a/b',
  '/',
  '`',
  '*~[]',
  '__proto__',
  '__name__',
  '__x__',
  '_own',
  '_deleted',
  '$%',
  '$%%',
  '$%a',
  '$%_own',
  '$%a%2Fb',
  '$%$%25%25',
  '%2F',
  '$date',
  '$literal',
  '$string',
  '\ud800',
  'a\udc00/%',
  '😀',
  ' ',
  'x'.repeat(2_000),
  'é'.repeat(760),
  '\ud83d'.repeat(300),
  'constructor',
  'toJSON',
  '0'
]

export const awkwardIds: readonly string[] = [
  ...awkwardNames.map(name => (name === '0' ? 'zero' : name)),
  '_design',
  '_local/x',
  'partition:id',
  'a?b#c&d=e+f%20g',
  'é'.repeat(750),
  'x'.repeat(1_500),
  'y'.repeat(1_501),
  'z'.repeat(2_048),
  'w'.repeat(2_049),
  '/'.repeat(600),
  '日本語',
  '"quoted"',
  "o'clock\\",
  'line\nbreak'
]

const awkwardName = fc.oneof(fc.constantFrom(...awkwardNames), anyKey)

/** Maps and arrays in each other; with the envelopes of arrays in arrays still within Firestore's 20 levels. */
const deep: fc.Arbitrary<Value> = fc
  .tuple(fc.array(fc.oneof(fc.constant(null), awkwardName), { minLength: 6, maxLength: 8 }), fc.oneof(anyString, fc.double()))
  .map(([steps, inner]) => steps.reduceRight<Value>((value, step) => (step === null ? [value] : mapOf([[step, value]])), inner))

const anyField = fc.tuple(awkwardName, fc.oneof({ weight: 8, arbitrary: anyValue }, { weight: 1, arbitrary: deep }))

export const awkwardDocument: fc.Arbitrary<Document> = fc
  .tuple(fc.oneof(fc.constantFrom(...awkwardIds), anyString), fc.array(anyField, { maxLength: 8 }), fc.array(anyField, { maxLength: 4 }))
  .filter(([id]) => !id.startsWith('_design/'))
  .map(([id, fields, inner]) => ({ ...mapOf([...fields, ['inner', mapOf(inner)]]), _id: id }))

function mapOf(fields: readonly (readonly [string, Value])[]): ValueMap {
  const map: ValueMap = {}
  for (const [key, value] of fields) setField(map, key, value)
  return map
}
