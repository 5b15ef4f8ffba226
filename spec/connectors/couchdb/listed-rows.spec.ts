import { expect } from 'chai'
import fc from 'fast-check'
import { isByLine, rowsOfLines } from '../../../lib/connectors/couchdb/all-docs.ts'
import type { Row } from '../../../lib/connectors/couchdb/all-docs.ts'
import type { Asked } from '../../../lib/connectors/couchdb/errors.ts'
import { RowListing, rowsOfBlock } from '../../../lib/connectors/couchdb/listed-rows.ts'
import { nameRules } from '../../../lib/connectors/couchdb/values.ts'
import { documentDigests, isMap, restoreNames } from '../../../lib/values/index.ts'
import type { DocumentDigests } from '../../../lib/values/index.ts'
import { oddText, wrongBytes } from '../../support/odd-json.ts'

const asked: Asked = { what: 'reading d', address: 'couchdb', anonymous: false, refused: 'DOCFERRY_READ', collection: 'd' }

const name = fc.oneof(
  fc.constantFrom('_rev', '_attachments', '_conflicts', 'a', 'doc', '山', '__proto__', '$date', '$%_a', '$%%a', '$literal', ''),
  fc.string({ unit: 'binary', maxLength: 12 })
)
const { value } = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(',"doc":{}', '$%a', '"$%', '\ud800', 'é', '\u2028'),
    fc.double({ noNaN: true, min: -1000, max: 1000 }),
    fc.integer(),
    fc.constantFrom(null, true, '#1.0', '#-0', '#12345678901234567890', '#1e400', '#0.1234567890123456789', '#01', '#undefined'),
    fc.constantFrom({ $date: '2026-01-01T00:00:00Z' }, { $date: 'soon' }, { $numberDouble: 'NaN' }, { $literal: { $date: 'x' } }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 5 })
  )
}))
const id = fc.oneof(
  { arbitrary: fc.constantFrom('_design/a', '$%_design/a', '$a', '', '_'), weight: 1 },
  { arbitrary: fc.string({ unit: 'binary', maxLength: 20 }), weight: 3 },
  { arbitrary: fc.uuid(), weight: 8 }
)
const ordinary = fc.record({
  n: fc.integer(),
  text: fc.string(),
  list: fc.array(fc.boolean(), { maxLength: 3 }),
  price: fc.constantFrom(1.5, '#1.0')
})
const document = fc
  .tuple(id, fc.oneof({ arbitrary: ordinary, weight: 4 }, { arbitrary: fc.dictionary(name, value, { maxKeys: 6 }), weight: 1 }))
  .map(([_id, fields]) => ({ _id, ...fields }))
const row = fc.tuple(document, fc.integer({ min: 0, max: 100 }), oddText, fc.constantFrom('\r', '')).map(([doc, spoilt, odd, end]) => {
  const text = JSON.stringify({ id: doc._id, key: doc._id, value: { rev: '1-a' }, doc }).replace(/"#([^"]*)"/g, '$1')
  if (spoilt === 1) return `${JSON.stringify({ key: doc._id, error: 'not_found' })},${end}`
  if (spoilt === 2) return `${JSON.stringify({ id: doc._id, key: doc._id, value: { rev: '2-a', deleted: true }, doc: null })},${end}`
  if (spoilt === 3) return text.replaceAll('\n', '').slice(0, -3)
  if (spoilt === 4) return text.replace('"doc":{', '"doc":{"a":1,"a":2,') + `,${end}`
  if (spoilt === 5) return text.replaceAll('":', `":${odd}`).replaceAll('\n', '') + end
  if (spoilt === 6) return end
  if (spoilt === 7) return `${text.slice(0, -1)},"more":1},${end}`
  return `${text},${end}`
})

/** One after the other, and what was thrown behind them. */
function taken(rows: () => Iterable<readonly Row[]>): { readonly rows: readonly Row[]; readonly error?: string } {
  const all: Row[] = []
  try {
    for (const some of rows()) all.push(...some)
  } catch (error) {
    return { rows: all, error: (error as Error).message }
  }
  return { rows: all }
}

/** As the reader gives it; a document's members in their order too. Beside a document its row's revision is nobody's business. */
const asRead = ({ document: found, hasEscapes, ...rest }: Row): unknown[] => {
  if (!found) return [rest]
  const whole = hasEscapes ? restoreNames(found, nameRules(false)) : found
  return [rest.key, rest.error, whole, Object.keys(whole)]
}

const hexOf = ({ values, kinds }: DocumentDigests): (string | undefined)[] => [
  Buffer.from(values).toString('hex'),
  kinds && Buffer.from(kinds).toString('hex')
]

describe('couchdb: rows as lists', () => {
  it('are the same as rows that are parsed one by one, up to the same error', () => {
    let listed = 0
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ arbitrary: row, weight: 40 }, { arbitrary: wrongBytes, weight: 1 }), { minLength: 1, maxLength: 12 }),
        lines => {
          const all = lines.map(line => Buffer.concat([Buffer.from(line), Buffer.from('\n')]))
          const found = taken(function* () {
            for (const { rows, bytes } of rowsOfBlock(Buffer.concat(all), asked)) {
              expect(bytes).to.be.greaterThan(0)
              if (rows.length > 1) listed += rows.length
              yield rows
            }
          })
          const simple = taken(function* () {
            for (const line of all) yield rowsOfLines(line.toString(), asked)
          })
          expect(found.error).to.equal(simple.error)
          // Of what is no UTF-8, and stands before an error in the same piece, nothing comes.
          const isWhole = simple.error === undefined || lines.every(line => typeof line === 'string')
          if (isWhole) expect(found.rows.map(asRead)).to.deep.equal(simple.rows.map(asRead))
        }
      ),
      { numRuns: 2_000 }
    )
    expect(listed).to.be.greaterThan(1_000)
  })

  it('may come without some fields, and tell which, with the digests of what is left', () => {
    const leaving = fc.record({
      fields: fc.uniqueArray(fc.constantFrom('_rev', '_attachments', '_conflicts', 'a', 'doc', 'n', '山', '', '$date', '__proto__')),
      counted: fc.constantFrom('_attachments', 'a', 'n', undefined),
      digests: fc.boolean()
    })
    let [without, digested] = [0, 0]
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 12 }), leaving, (lines, { fields, counted, digests }) => {
        const all = lines.map(line => Buffer.from(`${line}\n`))
        const given = { fields, digests, ...(counted !== undefined && fields.includes(counted) && { counted }) }
        const found = taken(function* () {
          for (const { rows } of rowsOfBlock(Buffer.concat(all), asked, new RowListing(given))) yield rows
        })
        const simple = taken(function* () {
          for (const line of all) yield rowsOfLines(line.toString(), asked)
        })
        expect(found.error).to.equal(simple.error)
        expect(found.rows.length).to.equal(simple.rows.length)
        for (const [index, each] of found.rows.entries()) {
          const plain = simple.rows[index]!
          const { digests: known, leftOut, hadConflicts, ...rest } = each
          if (!leftOut && !hadConflicts && !known) {
            expect(asRead(rest)).to.deep.equal(asRead(plain))
            continue
          }
          const whole = plain.document!
          const isLeft = (field: string): boolean => field === '_conflicts' || (fields as readonly string[]).includes(field)
          const kept = Object.keys(whole).filter(field => !isLeft(field))
          expect(Object.keys(each.document!)).to.deep.equal(kept)
          for (const field of kept) expect(each.document![field]).to.deep.equal(whole[field])
          const told = fields.filter((_, bit) => ((leftOut?.fields ?? 0) & (1 << bit)) !== 0)
          expect(told).to.deep.equal(fields.filter(field => field !== '_conflicts' && Object.hasOwn(whole, field)))
          const counts = given.counted === undefined ? undefined : whole[given.counted]
          expect(leftOut?.members ?? 0).to.equal(counts !== undefined && isMap(counts) ? Object.keys(counts).length : 0)
          expect(hadConflicts ?? false).to.equal(Object.hasOwn(whole, '_conflicts') && (fields.length > 0 || digests))
          if (known) expect(hexOf(known)).to.deep.equal(hexOf(documentDigests(each.document!)))
          expect(known !== undefined).to.equal(digests)
          if (told.length > 0) without++
          if (known) digested++
        }
      }),
      { numRuns: 2_000 }
    )
    expect(without).to.be.greaterThan(300)
    expect(digested).to.be.greaterThan(1_000)
  })

  it('come in pieces that hold whole rows, whatever their lengths', () => {
    const lengths = [10, 200_000, 3, 70_000, 65_536, 1_500_000, 1, ...Array.from({ length: 3_000 }, (_, index) => index % 90)]
    const lines = lengths.map((length, index) => {
      const _id = `d${index}`
      return `${JSON.stringify({ id: _id, key: _id, value: { rev: '1-a' }, doc: { _id, text: 'é'.repeat(length) } })},\r\n`
    })
    const block = Buffer.from(lines.join(''))
    const pieces = [...rowsOfBlock(block, asked)]
    const documents = pieces.flatMap(({ rows }) => rows.map(each => each.document))
    expect(documents.map(each => each?._id)).to.deep.equal(lengths.map((_, index) => `d${index}`))
    expect(documents.map(each => String(each?.['text']).length)).to.deep.equal(lengths)
    expect(pieces.reduce((sum, { bytes }) => sum + bytes, 0)).to.equal(block.length)
  })

  it('are told of by an answer with one row or none', () => {
    expect(isByLine('{"total_rows":1,"offset":0,"rows":[\r\n{"id":"a","key":"a","value":{"rev":"1-a"}}\r\n]}\n')).to.equal(true)
    expect(isByLine('{"total_rows":0,"offset":0,"rows":[\r\n\r\n]}\n')).to.equal(true)
    expect(isByLine('{"total_rows":1,"offset":0,"rows":[{"id":"a","key":"a","value":{"rev":"1-a"}}]}\n')).to.equal(false)
    expect(isByLine('{"total_rows":1,\n"rows":[\n{"id":"a"}]}')).to.equal(false)
  })
})
