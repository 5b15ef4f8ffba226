import { expect } from 'chai'
import fc from 'fast-check'
import { applyStages } from '../../lib/engine/apply-stages.ts'
import { packLines } from '../../lib/kernel/kernel.ts'
import type { Packed, Packing, Stretch } from '../../lib/packed.ts'
import { loadStageSpec, stageSpecs } from '../../lib/registry.ts'
import { stagesInPlace } from '../../lib/stages/in-place.ts'
import { makeStage } from '../../lib/stages/make-stage.ts'
import type { Document, Stage } from '../../lib/types.ts'
import { idHashes } from '../../lib/values/id-hashes.ts'
import { digestsAt, documentDigests, parseJson } from '../../lib/values/index.ts'
import type { DocumentDigests } from '../../lib/values/index.ts'
import { StageCounts } from '../../lib/work/stage-counts.ts'
import { fieldsOfStages, workOutlines } from '../../lib/work/work-outlines.ts'

const packing: Packing = { drop: ['_rev', '_attachments'], counted: '_attachments', special: true }
const context = { collection: 'documents', partition: 'documents' }
const making = { folder: '.', environment: {} }
const made = (stages: Readonly<Record<string, unknown>>): Promise<Stage[]> =>
  Promise.all(Object.entries(stages).map(([name, options]) => makeStage(name, options, making)))

const digestOf = (document: Document): string => textOf(documentDigests(document))

/** Of values and kinds. */
function textOf({ values, kinds }: DocumentDigests): string {
  return [values, kinds ?? []].map(digest => Buffer.from(digest).toString('hex')).join(' ')
}

function digestsIn({ count, digests, kinds }: Packed): string[] {
  return Array.from({ length: count }, (_, at) => textOf(digestsAt(digests, kinds, at)))
}

function work(lines: readonly string[], stages: readonly Stage[], digests = true): readonly Stretch[] | undefined {
  const fields = fieldsOfStages(stages)
  expect(fields).not.to.equal(undefined)
  const block = Buffer.from(lines.map(line => `${line}\n`).join(''))
  const options = { packing, stages: stagesInPlace(stages), first: 2, fields, contextOf: () => context, textPlace: 'copied' as const }
  return workOutlines(block, { collection: 'documents', digests }, options, fields!)
}

/** What stages make of the documents that need no plain way. @returns undefined where one of them fails */
function throughStages(lines: readonly string[], stages: readonly Stage[]): Document[] | undefined {
  const out: Document[] = []
  try {
    for (const line of lines)
      void applyStages(stages, parseJson(line) as Document, context, document => void out.push(document), new StageCounts())
  } catch {
    return undefined
  }
  return out
}

/** @returns how many documents were made by outlines */
function check(lines: readonly string[], stages: readonly Stage[], digests: boolean): number {
  const stretches = work(lines, stages, digests)
  const simple = packLines([Buffer.from(lines.map(line => `${line}\n`).join(''))], packing)
  if (!stretches) return 0
  expect(stretches.map(stretch => ('packed' in stretch ? stretch.bytes : stretch))).to.deep.equal(
    simple.map(stretch => ('packed' in stretch ? stretch.bytes : stretch))
  )
  let count = 0
  for (const [index, stretch] of stretches.entries()) {
    const as = simple[index]!
    if (!('packed' in stretch) || !('packed' in as)) continue
    const { packed, came } = stretch
    const before = as.packed.text.toString().split('\n').slice(0, -1)
    const wanted = throughStages(before, stages)
    expect(wanted, before.join('\n')).not.to.equal(undefined)
    const found = packed.text.toString().split('\n').slice(0, -1)
    expect(found.map(line => digestOf(parseJson(line) as Document))).to.deep.equal(wanted!.map(digestOf))
    expect(digestsIn(packed)).to.deep.equal(wanted!.map(digestOf))
    expect([...packed.idHashes]).to.deep.equal(wanted!.flatMap(({ _id }) => [...idHashes(_id)]))
    expect(packed.count).to.equal(wanted!.length)
    expect(packed.read).to.equal(before.length)
    expect(packed.dropped).to.deep.equal(as.packed.dropped)
    expect(packed.members).to.equal(as.packed.members)
    expect(packed.enveloped).to.deep.equal(
      packLines([packed.text], packing).flatMap(each => ('packed' in each ? [each.packed.enveloped] : []))[0]
    )
    expect(packed.worked!.filtered.reduce((sum, each) => sum + each.count, 0)).to.equal(before.length - wanted!.length)
    if (digests) expect(came).to.deep.equal({ digests: as.packed.digests, kinds: as.packed.kinds, idHashes: as.packed.idHashes })
    else expect(came).to.equal(undefined)
    count += before.length
  }
  return count
}

const fieldName = fc.oneof(
  fc.constantFrom('_rev', '_attachments', '_id', 'a', 'b', 'c', 'größe', '$0', '😀', '', '7', '__proto__', 'with.dot'),
  fc.string({ unit: 'binary', maxLength: 20 })
)
const { value } = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.double({ noNaN: true, min: -1000, max: 1000 }),
    fc.integer(),
    fc.constantFrom(null, true, false, 0.1, 1e21, 0.9113690123456789),
    fc.constantFrom(
      { $date: '2026-01-01T00:00:00Z' },
      { $vector: [1.5, 0.9113690123456789] },
      { $binary: { base64: 'YQ==', subType: '00' } },
      { $date: 'soon' }
    ),
    fc.constantFrom('#1.0', '#-0', '#12345678901234567890', '#1.50', '#5e-05', '#1E2'),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fieldName, tie('value'), { maxKeys: 6 })
  )
}))
const document = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 30 }), fc.dictionary(fieldName, value, { maxKeys: 10 }), fc.boolean())
  .map(([id, fields, isFirst]) => (isFirst ? { _id: id, ...fields } : { ...fields, _id: id }))

/** Numbers of other kinds stand in strings. */
const textOfAll = (fields: object, space?: string | number): string =>
  JSON.stringify(fields, undefined, space)
    .replaceAll('\n', ' ')
    .replace(/"#([^"]*)"/g, '$1')

describe('stages over outlines', () => {
  const lists: readonly Readonly<Record<string, unknown>>[] = [
    { rename: { a: 'A' } },
    { set: { z: 1, 'größe.deep': '{{ _id }}', '7': [0.5, 'x'] } },
    { default: { fields: { c: '{{ b | default:none | json }}' } }, strip: ['b'] },
    { filter: { a: { $exists: true } }, set: { '"with.dot"': { a: { b: [] } } } },
    { move: { fields: { b: 'moved' } }, strip: ['a.x', 'c'] },
    { sample: { share: 0.5 } },
    { id: { fields: ['_id', '_id'], keep: 'old' } },
    { redact: ['a', '"😀"'], hash: ['b', '"__proto__"'] }
  ]
  for (const list of lists)
    it(`give what the same stages give of whole documents: ${JSON.stringify(list)}`, async () => {
      const stages = await made(list)
      let count = 0
      fc.assert(
        fc.property(
          fc.array(document, { minLength: 1, maxLength: 6 }),
          fc.boolean(),
          fc.constantFrom(undefined, 1, '\t'),
          (documents, digests, space) => {
            count += check(
              documents.map(each => textOfAll(each, space)),
              stages,
              digests
            )
          }
        ),
        { numRuns: 600 }
      )
      expect(count).to.be.above(100)
    })

  for (const name of Object.keys(stageSpecs))
    it(`give what the examples of ${name} say, if it names its fields`, async () => {
      const spec = await loadStageSpec(name)
      for (const { options, in: input } of spec.examples) {
        const stage = await makeStage(name, options, making).catch(() => undefined)
        if (!stage || !fieldsOfStages([stage])) continue
        const lines = (Array.isArray(input) ? input : [input]).map(each => JSON.stringify({ before: [1], ...each, behind: { x: 'y' } }))
        check(lines, [stage], true)
      }
    })

  it('copy numbers of many digits from where their members are put in order, and from where they stood', async () => {
    const line = '{"_id":"a","z":0.9113690123456789,"s":1,"m":{"y":0.1234567890123456,"b":1.2345678901234567},"a":0.1234567890123456}'
    for (const digests of [true, false]) expect(check([line, line], await made({ set: { s: 1.2345678901234567 } }), digests)).to.equal(2)
  })

  it('leave a piece to the plain way where a stage fails, or makes what the kernel does not know', async () => {
    const lines = ['{"_id":"a","n":1}', '{"_id":"b","n":"x"}']
    expect(work(lines, await made({ convert: { fields: { n: 'integer' } } }))).to.equal(undefined)
    expect(work(lines.slice(0, 1), await made({ convert: { fields: { n: 'double' } } }))).to.have.length(1)
    expect(work(['{"_id":"a","n":"2026-01-01T00:00:00Z"}'], await made({ convert: { fields: { n: 'date' } } }))).to.have.length(1)
    expect(work(['{"_id":"a"}'], await made({ set: { n: { $set: [1] } } }))).to.equal(undefined)
  })

  it('leave documents with more fields than outlines hold to the plain way', async () => {
    const wide = JSON.stringify({
      _id: 'wide',
      ...Object.fromEntries(Array.from({ length: 9000 }, (_, n) => [n % 2 ? `a${n}` : `b${n}`, n]))
    })
    const stages = await made({ rename: Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`a${2 * n + 1}`, `c${n}`])) })
    const stretches = work(['{"_id":"a","a1":1}', wide, '{"_id":"b"}'], stages)!
    expect(stretches.map(stretch => ('packed' in stretch ? stretch.packed.text.toString() : 'plain'))).to.deep.equal([
      '{"_id":"a","c0":1}\n',
      'plain',
      '{"_id":"b"}\n'
    ])
  })

  it('are for stages that name their fields, of which none begins with a dollar', async () => {
    const unnamed = await made({ flatten: {} })
    expect(fieldsOfStages(unnamed)).to.equal(undefined)
    expect(fieldsOfStages(await made({ set: { $x: 1 } }))).to.equal(undefined)
    expect(fieldsOfStages(await made({ filter: { $expr: { $eq: ['$$ROOT', 1] } } }))).to.equal(undefined)
    expect(
      fieldsOfStages(await made({ filter: { $or: [{ 'a.b': 1 }, { c: { $in: [1] } }], $expr: { $gt: ['$d.e', '$f'] } } }))
    ).to.have.members(['a', 'c', 'd', 'f'])
  })
})
