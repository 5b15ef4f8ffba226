import { expect } from 'chai'
import fc from 'fast-check'
import { parseLine } from '../../lib/formats/document-line.ts'
import { canPack, packLines } from '../../lib/kernel/kernel.ts'
import { envelopedKinds } from '../../lib/packed.ts'
import { idHashes } from '../../lib/values/id-hashes.ts'
import { digestsAt, documentDigests, isMap, parseJson, stringifyJson, Timestamp } from '../../lib/values/index.ts'
import type { Document, DocumentDigests } from '../../lib/values/index.ts'
import { oddText } from '../support/odd-json.ts'

const drop = ['_rev', '_attachments', 'größe']
const strict = { drop, counted: '_attachments' }
const packing = { ...strict, special: true }

function plain(line: string): Document | undefined {
  const found = parseLine({ bytes: Buffer.from(line), number: 2, offset: 0, end: 0, complete: true }, 'none')
  return 'document' in found ? found.document : undefined
}

/** Of values and kinds. */
function digestText(document: Document): string {
  return textOf(documentDigests(document))
}

function textOf({ values, kinds }: DocumentDigests): string {
  return [values, kinds ?? []].map(digest => Buffer.from(digest).toString('hex')).join(' ')
}

/** What must hold of a line, whichever way it goes. @returns whether it was packed */
function check(line: string): boolean {
  checkStrict(line)
  const stretches = packLines([Buffer.from(`${line}\n`)], packing)
  expect(stretches).to.have.length(1)
  checkRow(line)
  if (!('packed' in stretches[0]!)) return false
  const { packed, bytes } = stretches[0]
  const { text, count, digests, kinds, idHashes: hashes, dropped, members, enveloped } = packed
  const document = plain(line)
  if (!document) throw new Error(`packed, and no document: ${line}`)
  const left = Object.fromEntries(Object.entries(document).filter(([name]) => !drop.includes(name))) as Document
  expect(count).to.equal(1)
  expect(bytes).to.equal(Buffer.byteLength(line) + 1)
  expect(dropped).to.deep.equal(drop.map(name => (Object.hasOwn(document, name) ? 1 : 0)))
  const attachments = document['_attachments']
  expect(members).to.equal(isMap(attachments) ? Object.keys(attachments).length : 0)
  const first = textOf(digestsAt(digests, kinds, 0))
  expect(first, line).to.equal(digestText(left))
  expect(digestText(parseJson(text.toString()) as Document), line).to.equal(first)
  const told: string[] = []
  stringifyJson(left, { onConversion: (kind, conversion) => void told.push(`${kind} ${conversion}`) })
  const counted = envelopedKinds.flatMap((kind, at) => Array.from({ length: enveloped?.[at] ?? 0 }, () => `${kind} enveloped`))
  expect(counted.toSorted(), line).to.deep.equal(told.toSorted())
  expect(text.toString().endsWith('\n')).to.equal(true)
  expect(text.toString().slice(0, -1)).not.to.include('\n')
  expect([...hashes]).to.deep.equal(idHashes(document._id))
  return true
}

/** Where special values are not asked for, none is packed. */
function checkStrict(line: string): void {
  const [stretch] = packLines([Buffer.from(`${line}\n`)], strict)
  if (!('packed' in stretch!)) return
  expect(stretch.packed.kinds).to.equal(undefined)
  expect(stretch.packed.enveloped).to.equal(undefined)
  const document = plain(line)!
  expect(documentDigests(document).kinds, line).to.equal(undefined)
  const left = Object.fromEntries(Object.entries(document).filter(([name]) => !drop.includes(name))) as Document
  expect(textOf(digestsAt(stretch.packed.digests, undefined, 0)), line).to.equal(digestText(left))
}

/** The same document in a row of `_all_docs` is packed if and only if the line is, where there is room for numbers that grow, and as it is. */
function checkRow(line: string): void {
  const alone = packLines([Buffer.from(`${' '.repeat(500)}${line}\n`)], packing)[0]!
  const id = JSON.stringify(line)
  for (const end of ['},', '}', '},\r']) {
    const row = `{"id":${id},"key":${id},"value":{"rev":"1-x"},"doc":${line}${end}\n`
    const stretches = packLines([Buffer.from(row)], packing, { rows: true })
    expect(stretches).to.have.length(1)
    expect('packed' in stretches[0]!, row).to.equal('packed' in alone)
    if (!('packed' in stretches[0]!) || !('packed' in alone)) continue
    expect(stretches[0].packed).to.deep.equal(alone.packed)
    expect(stretches[0].bytes).to.equal(Buffer.byteLength(row))
  }
}

describe('kernel', () => {
  it('runs here', () => {
    expect(canPack()).to.equal(true)
  })

  const packed: readonly string[] = [
    '{"_id":"a"}',
    '{ "_id" : "a" , "b" : [ 1 , 2.5 , { } , [ ] ] }',
    '{"_id":"a","_rev":"1-x"}',
    '{"_rev":"1-x","_id":"a"}',
    '{"_rev":"1-x","_attachments":{"a":{"length":3}},"_id":"a","größe":1}',
    '{"_id":"a", "_rev":"1-x" , "_attachments" : {} }',
    '{"z":1,"_id":"a","_rev":"1","b":2,"_attachments":{},"c":"x"}',
    '{"_id":"\\u00e9\\ud83d\\ude00\\n\\"","b":"\\/"}',
    '{"_id":"é😀","b":"日本語のテキストで十六バイトより長いもの"}',
    '{"_id":"","":""}',
    '{"_id":"a","n":[0,1,-1,0.5,-0.25,123456789012345,0.911369,1e0]}'.replace(',1e0', ''),
    '{"_id":"a","n":0.9113690123456789,"m":{"b":1.2345678901234567,"a":0.1234567890123456}}',
    '{"_id":"a","t":[true,false,null]}\r',
    '{"_id":"a","d":{"$date":"2026-01-01T00:00:00Z"}}',
    '{"_id":"a","z":[{"$date":"0000-02-29T23:59:59.5Z"}],"d":{ "$date" : "1969-12-31T23:59:59.000001Z" }}'.replace('59.5Z', '59.500Z'),
    '{"_id":"a","d":[{"$binary":{"base64":"","subType":"00"}},{ "$binary" : { "base64" : "YWI=" , "subType" : "00" } },{"$binary":{"base64":"+/8A","subType":"00"}}]}',
    '{"_id":"a","d":{"z":{"$geoPoint":[0.9113690123456789,-1.5]},"a":{"$reference":"users/\\u00e9 \\"x\\""}}}',
    '{"_id":"a","v":{"$vector":[]},"b":{"$vector":[ 0.9113690123456789 , 1, -0.25]},"a":{"$vector":[1.50]}}',
    '{"_id":"a","n":[{"$numberDouble":"NaN"},{"$numberDouble":"Infinity"},{"$numberDouble":"-Infinity"}]}',
    '{"_id":"a","_rev":{"$date":"2026-01-01T00:00:00Z"},"b":1}',
    '{"_id":"a","b":1.0}',
    '{"_id":"a","b":[0.0,-0,-0.0,0e5,-0E-5,-1.00,10.0,123456789012345.0,9007199254740991.0]}',
    '{"_id":"a","b":[9007199254740991,-9007199254740991,9007199254741000000,12345678901234567890,-100000000000000000000000000000000001]}',
    '{"_id":"a","b":{"z":[1.0,{"y":2.0,"x":3.0}],"a":-0},"aa":1.0,"_rev":1.0}',
    '{  "_id":  "a",        "b"        :        [1e5, 1E+2, 1.5e3, 1.25e1, 5e-05, 1.50, 0.00100, 1e21, 1e22, 1.5E-07, 0.0000001, 1e17]}'
  ]
  for (const line of packed) it(`packs ${line}`, () => expect(check(line)).to.equal(true))

  const left: readonly string[] = [
    '',
    '{}',
    '[]',
    '"_id"',
    '{"_id":1}',
    '{"_id":"_design/a"}',
    '{"_id":"a"',
    '{"_id":"a"}}',
    '{"_id":"a"} x',
    '{"_id":"a",}',
    '{"_id":"a",,"b":1}',
    '{,"_id":"a"}',
    '{"_id":"a","b"}',
    '{"_id":"a","b":}',
    '{"_id":"a","b":tru}',
    '{"_id":"a","b":[1,]}',
    '{"_id":"a","b":[1 2]}',
    '{"_id":"a","b":01}',
    '{"_id":"a","b":1.}',
    '{"_id":"a","b":.5}',
    '{"_id":"a","b":-}',
    '{"_id":"a","b":+1}',
    '{"_id":"a","b":12345678901234567}',
    '{"_id":"a","b":1.2345678901234567e-5}',
    '{"_id":"a","b":9007199254740993.0}',
    '{"_id":"a","b":1e23}',
    '{"_id":"a","b":1e-23}',
    '{"_id":"a","b":1e}',
    '{"_id":"a","b":1e+}',
    '{"_id":"a","b":1e5.0}',
    '{"_id":"a","b":1.e5}',
    '{"_id":"a","b":-01}',
    '{"_id":"a","b":00.0}',
    '{"_id":"a","b":1e1000}',
    '{"_id":"a","b":0e9999999999999999}',
    '{"_id":"a","b":0.12345678901234567890}',
    '{"_id":"a","b":NaN}',
    '{"_id":"a","b":"\\ud800"}',
    '{"_id":"a","b":"\\x"}',
    '{"_id":"a","b":"\\u12"}',
    '{"_id":"a","b":"\t"}',
    '{"_id":"a","b":"unended}',
    '{"_id":"a","_id":"b"}',
    '{"_id":"a","b":1,"b":2}',
    '{"_id":"a","_attachments":{"a":1},"_attachments":{}}',
    '{"_id":"a","b":{"z":1,"a":2,"z":3}}',
    '{"_id":"a","$date":"2026-01-01T00:00:00Z"}',
    '{"_id":{"$reference":"a"}}',
    '{"_id":"a","d":{"$date":"2026-01-01T00:00:00.12Z"}}',
    '{"_id":"a","d":{"$date":"2026-01-01T00:00:00.000Z"}}',
    '{"_id":"a","d":{"$date":"2026-01-01T00:00:00.1234567890Z"}}',
    '{"_id":"a","d":{"$date":"2026-01-01T00:00:00+00:00"}}',
    '{"_id":"a","d":{"$date":"2026-02-29T00:00:00Z"}}',
    '{"_id":"a","d":{"$date":"2026-01-01T24:00:00Z"}}',
    '{"_id":"a","d":{"$date":"2026-01-01T00:00:60Z"}}',
    '{"_id":"a","d":{"$date":"2026-13-01T00:00:00Z"}}',
    '{"_id":"a","d":{"$date":0}}',
    '{"_id":"a","d":{"$date":"soon"}}',
    '{"_id":"a","d":{"$date":"2026-01-01T00:00:00Z","x":1}}',
    '{"_id":"a","d":{"$binary":{"base64":"YQ=","subType":"00"}}}',
    '{"_id":"a","d":{"$binary":{"base64":"YR==","subType":"00"}}}',
    '{"_id":"a","d":{"$binary":{"base64":"YQ==","subType":"04"}}}',
    '{"_id":"a","d":{"$binary":{"base64":"Y===","subType":"00"}}}',
    '{"_id":"a","d":{"$binary":{"base64":"YQ==YQ==","subType":"00"}}}',
    '{"_id":"a","d":{"$geoPoint":[1]}}',
    '{"_id":"a","d":{"$geoPoint":[1.0,2]}}',
    '{"_id":"a","d":{"$vector":[1,"2"]}}',
    '{"_id":"a","d":{"$numberDouble":"1.5"}}',
    '{"_id":"a","d":{"$numberLong":"1"}}',
    '{"_id":"a","d":{"$literal":{"$date":"2026-01-01T00:00:00Z"}}}',
    '{"_id":"a","d":{"$set":[1]}}',
    '{"_id":"a","$x":1}',
    '{"_id":"a","\\u0024x":1}',
    '{"$collection":"a"}',
    '{"_id":"$%a"}',
    '{"_id":"a","\uffff":1,"😀":2}',
    `{"_id":"a","b":${'['.repeat(70)}${']'.repeat(70)}}`
  ]
  for (const line of left) it(`leaves ${JSON.stringify(line).slice(0, 80)} to the plain way`, () => expect(check(line)).to.equal(false))

  const name = fc.oneof(
    fc.constantFrom('_rev', '_attachments', '_id', 'a', 'b', 'größe', '$date', '😀', ''),
    fc.string({ unit: 'binary', maxLength: 20 })
  )
  const digits = (maxLength: number) => fc.string({ unit: fc.constantFrom(...'0001239'), minLength: 1, maxLength })
  /** As text; now and then none of JSON's. */
  const number = fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.oneof(digits(4), digits(24), fc.constantFrom('9007199254740991', '9007199254740992', '9007199254740993')),
      fc.oneof(fc.constant(''), fc.constantFrom('0', '00'), digits(3), digits(18)),
      fc.oneof(
        fc.constant(''),
        fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-', 'E-'), digits(2)).map(([sign, size]) => sign + size)
      )
    )
    .map(([sign, whole, fraction, exponent]) => sign + whole.replace(/^0+(?=.)/, '') + (fraction && `.${fraction}`) + exponent)
  const time = fc
    .tuple(
      fc.date({ noInvalidDate: true, min: new Date('-000001-01-01T00:00:00Z'), max: new Date('+010000-01-01T00:00:00Z') }),
      fc.nat(999_999_999)
    )
    .map(([date, nanoseconds]) => new Timestamp(Math.floor(date.getTime() / 1000), nanoseconds % 3 === 0 ? 0 : nanoseconds).toISOString())
  const double = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    number.map(each => `#${each}`)
  )
  const envelope = fc.oneof(
    time.map($date => ({ $date })),
    fc.uint8Array({ maxLength: 9 }).map(bytes => ({ $binary: { base64: Buffer.from(bytes).toString('base64'), subType: '00' } })),
    fc.string({ unit: fc.constantFrom(...'AQg/+=9 '), maxLength: 9 }).map(base64 => ({ $binary: { base64, subType: '00' } })),
    fc.tuple(double, double).map($geoPoint => ({ $geoPoint })),
    fc.array(double, { maxLength: 5 }).map($vector => ({ $vector })),
    fc.string({ unit: 'binary', maxLength: 20 }).map($reference => ({ $reference })),
    fc.constantFrom('NaN', 'Infinity', '-Infinity', '-0', '1').map($numberDouble => ({ $numberDouble }))
  )
  /** Numbers stand in strings, so that JSON.stringify keeps their text. */
  const textOfAll = (fields: object, space?: string | number): string =>
    JSON.stringify(fields, undefined, space).replace(/"#([^"]*)"/g, '$1')
  const { value } = fc.letrec(tie => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.double({ noNaN: true, min: -1000, max: 1000 }),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.constantFrom(null, true, false, 0.1, 1e21, 1.5e-7),
      number.map(each => `#${each}`),
      envelope,
      tie('value').map(content => ({ $date: content })),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(name, tie('value'), { maxKeys: 6 })
    )
  }))
  const document = fc
    .tuple(fc.string({ unit: 'binary', maxLength: 30 }), fc.dictionary(name, value, { maxKeys: 8 }), fc.boolean())
    .map(([id, fields, isFirst]) => (isFirst ? { _id: id, ...fields } : { ...fields, _id: id }))

  it('packs what the plain way takes for the same document, and nothing else', () => {
    let count = 0
    fc.assert(
      fc.property(document, fc.constantFrom(undefined, 1, '\t'), (fields, space) => {
        const text = textOfAll(fields, space)
        if (check(text.replaceAll('\n', ' '))) count++
      }),
      { numRuns: 3000 }
    )
    expect(count).to.be.greaterThan(300)
  })

  it('reads every number that a text can hold as the plain way does, and writes it so', () => {
    let count = 0
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '  '), (numbers, space) => {
        const line = `{"_id":"a","z":${space}${numbers[0]},"n":[${numbers.join(`,${space}`)}]}`
        if (!check(line)) return
        count++
        const [stretch] = packLines([Buffer.from(`${line}\n`)], packing)
        const text = 'packed' in stretch! ? stretch.packed.text.toString() : ''
        // JSON.stringify writes 1e-7, which stands as 1.0e-7 beside special numbers.
        expect(text, line).to.equal(`${stringifyJson(plain(line)!).replace(/\b(\d)\.0e/g, '$1e')}\n`)
      }),
      { numRuns: 5000 }
    )
    expect(count).to.be.greaterThan(1000)
  })

  it('leaves a number that would grow to the plain way where there is no room', () => {
    expect(check('{"_id":"a","b":5e-05}')).to.equal(false)
    expect(check('{"_id":"a", "b": 5e-05}')).to.equal(true)
  })

  it('packs no text that the plain way refuses, wherever it is spoilt', () => {
    fc.assert(
      fc.property(document, fc.nat(), fc.nat(3), oddText, (fields, at, length, put) => {
        const text = textOfAll(fields)
        const place = at % (text.length + 1)
        const spoilt = text.slice(0, place) + put + text.slice(place + length)
        if (Buffer.from(spoilt).toString() === spoilt && !spoilt.includes('\n')) check(spoilt)
      }),
      { numRuns: 10000 }
    )
  })

  it('knows keys that came before from those that are like them, in maps of every size', () => {
    const stem = fc.constantFrom('', 'k', 'same-eight', 'twenty-eight-characters-lon', 'größe-die-sich-lang-hinzieht-', '_rev', '_id', '$')
    const end = fc.constantFrom('', 'a', 'b', '\u0000', '"', '\\', 'é', '\uffff', 'xy')
    const key = fc.tuple(stem, end).map(([one, other]) => one + other)
    const flat = fc.array(key, { maxLength: 24 }).map(keys => keys.map(each => `${JSON.stringify(each)}:${each.length}`))
    const map = fc.tuple(flat, fc.constantFrom('', ' '), fc.boolean()).map(([members, space, isSorted]) => {
      if (isSorted) members.sort()
      return `{${members.map(member => member.replace(/:(?=\d+$)/, `${space}:${space}`)).join(`,${space}`)}}`
    })
    let count = 0
    fc.assert(
      fc.property(fc.array(map, { minLength: 1, maxLength: 4 }), fc.array(map, { maxLength: 2 }), fc.nat(1), (lists, deep, place) => {
        const inner = lists.map(each => each.slice(1, -1)).filter(each => each !== '')
        const members = [
          `"list":[${[...lists, ...lists].join(',')}]`,
          ...deep.map((each, index) => `"m${index}":${each}`),
          ...inner.slice(0, 1)
        ]
        members.splice(place, 0, '"_id":"a"')
        // What is known of the first time is used the second time.
        for (let time = 0; time < 2; time++) if (check(`{${members.join(',')}}`)) count++
      }),
      { numRuns: 3000 }
    )
    expect(count).to.be.greaterThan(300)
  })

  it('tells the order of maps whose keys begin alike each time', () => {
    for (const others of [[], ['b', 'c', 'd'], Array.from({ length: 20 }, (_, index) => `k${index}`)]) {
      for (const [keys, isPacked] of [
        [['same-start-b', 'same-start-a'], true],
        [['same-start-a', 'same-start-b'], true],
        [['same-start-b', 'same-start-b'], false],
        [['same-start-c', 'same-start-a'], true],
        [['a\0', 'a'], true],
        [['a', 'a\0'], true],
        [['a', 'a'], false]
      ] as const) {
        const map = `{${['z', ...keys, ...others].map((each, index) => `${JSON.stringify(each)}:${index}`).join(',')}}`
        expect(check(`{"_id":"a","map":${map}}`), map).to.equal(isPacked)
        expect(check(`{"_id":"a",${map.slice(1)}`), map).to.equal(isPacked)
      }
    }
  })

  it('reads strings and keys of every length, with what is special at every place', () => {
    for (let length = 0; length < 40; length++) {
      for (const special of ['', '"', '\\', '\n', 'é', '日', '\u0001', '{']) {
        for (const at of new Set([0, 1, 14, 15, 16, 17, 31, 32, length - 1, length])) {
          if (at < 0 || at > length) continue
          const text = 'x'.repeat(at) + special + 'y'.repeat(length - at)
          for (const space of ['', ' '])
            expect(check(`{"_id":"a",${space}${JSON.stringify(text)}:${space}${JSON.stringify(text)}}`)).to.equal(true)
        }
      }
    }
  })

  it('gives stretches and single lines in the order of the block', () => {
    const lines = [
      '{"_id":"a"}',
      '{"_id":"b","_rev":"1"}',
      'x',
      '',
      '{"_id":"c","n":0.9113690123456789}',
      '{"_id":"d"}',
      '{"_id":"e","n":1.0}',
      '{"_id":"f","$n":1}'
    ]
    const block = Buffer.from(lines.map(line => `${line}\n`).join(''))
    const found = packLines([block.subarray(0, 12), block.subarray(12)], packing).map(stretch =>
      'packed' in stretch ? stretch.packed.text.toString() : block.toString('utf8', stretch.from, stretch.to)
    )
    expect(found).to.deep.equal([
      '{"_id":"a"}\n{"_id":"b"}\n',
      'x',
      '',
      '{"_id":"c","n":0.9113690123456789}\n{"_id":"d"}\n{"_id":"e","n":1.0}\n',
      '{"_id":"f","$n":1}'
    ])
  })

  it('finds the document of a row behind whatever its id is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.constantFrom(',"doc":', '\\,"doc":{', '","doc":{"_id":"x"}', ''),
        (text, odd) => {
          const id = JSON.stringify(`${text}${odd}${text}`)
          const row = `{"id":${id},"key":${id},"value":{"rev":"1-x"},"doc":{"_id":"a","n":1}},\n`
          const [stretch] = packLines([Buffer.from(row)], packing, { rows: true })
          expect('packed' in stretch! && stretch.packed.text.toString()).to.equal('{"_id":"a","n":1}\n')
        }
      )
    )
  })

  for (const row of [
    '{"id":"a","key":"a","value":{"rev":"1-a"},"doc":null}',
    '{"id":"a","key":"a","value":{"rev":"1-a"}}',
    '{"key":"a","error":"not_found"}',
    '{"error":"timeout","reason":",\\"doc\\":"}',
    '{"_id":"a","doc":{"_id":"a"}}',
    '{"id":"a","doc":{"_id":"a"}',
    '{"id":"a","doc":{"_id":"a"}}}',
    '{"id":',
    '{"id":,"doc":',
    ']}',
    ''
  ])
    it(`leaves the row ${JSON.stringify(row)} to the plain way`, () => {
      const [stretch] = packLines([Buffer.from(`${row}\n`)], packing, { rows: true })
      expect('packed' in stretch!).to.equal(false)
    })

  it('gives each line and each id where they are asked for', () => {
    const lines = fc.array(document, { minLength: 1, maxLength: 20 }).map(all => all.map(each => JSON.stringify(each)))
    fc.assert(
      fc.property(lines, texts => {
        const block = Buffer.from(texts.map(text => `${text}\n`).join(''))
        for (const stretch of packLines([block], { ...packing, byLine: true })) {
          if (!('packed' in stretch)) continue
          const { text, count, lines: places } = stretch.packed
          expect(places?.ids).to.have.length(count)
          let from = 0
          for (const [at, id] of places!.ids.entries()) {
            const end = places!.ends[at]!
            expect(parseJson(text.toString('utf8', from, end - 1))).to.include({ _id: id })
            expect(text[end - 1]).to.equal(0x0a)
            from = end
          }
          expect(from).to.equal(text.length)
        }
      }),
      { numRuns: 500 }
    )
  })

  it('leaves what keeps other names with an underscore to the plain way, where it is asked to', () => {
    const isPacked = (line: string): boolean => 'packed' in packLines([Buffer.from(`${line}\n`)], { ...packing, noUnderscores: true })[0]!
    expect(['{"_id":"a","_rev":"1"}', '{"_id":"a","b":{"_c":1}}', '{"_id":"a","":1}'].map(isPacked)).to.deep.equal([true, true, true])
    expect(['{"_id":"a","_b":1}', '{"_b":1,"_id":"a"}', '{"_id":"a","\\u005fb":1}', '{"_id":"a","_":1}'].map(isPacked)).to.not.include(true)
  })
})
