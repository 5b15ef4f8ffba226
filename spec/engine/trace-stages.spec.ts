import { expect } from 'chai'
import { applyStages } from '../../lib/engine/apply-stages.ts'
import { traceStage } from '../../lib/engine/trace-stages.ts'
import type { Document, Stage, StageResult } from '../../lib/types.ts'

interface Origin {
  readonly line: number
}

/** What comes out of each document, by id, with the line that it comes from. */
async function traced(
  apply: Stage['apply'],
  documents: readonly Document[] = [{ _id: 'a' }, { _id: 'b' }],
  applies?: (origin: Origin) => boolean
): Promise<(readonly [string, number | undefined])[]> {
  const origins = new WeakMap<Document, Origin>()
  const stage = traceStage({ name: 'own', apply }, origins, applies)
  const out: (readonly [string, number | undefined])[] = []
  for (const [line, document] of documents.entries()) {
    origins.set(document, { line })
    await applyStages([stage], document, { collection: 'agents' }, found => void out.push([found._id, origins.get(found)?.line]))
  }
  return out
}

const one: readonly Document[] = [{ _id: 'a' }]

describe('engine: traced stages', () => {
  const ways: readonly (readonly [string, (documents: readonly Document[]) => StageResult | Promise<StageResult>])[] = [
    ['an array', documents => [...documents]],
    ['a generator', documents => documents.values()],
    [
      'an async generator',
      async function* (documents) {
        yield* documents
      }
    ],
    ['a promise of several', documents => Promise.resolve(documents)]
  ]
  for (const [name, way] of ways) {
    it(`follows a document into each of several: ${name}`, async () => {
      const apply: Stage['apply'] = ({ _id }) => way([{ _id: `${_id}1` }, { _id: `${_id}2` }])
      expect(await traced(apply)).to.deep.equal([
        ['a1', 0],
        ['a2', 0],
        ['b1', 1],
        ['b2', 1]
      ])
    })
  }

  it('follows a document into another object, at once or later', async () => {
    const expected = [
      ['a', 0],
      ['b', 1]
    ]
    expect(await traced(({ _id }) => ({ _id }))).to.deep.equal(expected)
    expect(await traced(({ _id }) => Promise.resolve({ _id }))).to.deep.equal(expected)
  })

  it('tells documents apart for which a stage answers with one and the same object', async () => {
    const same = { _id: 'same' }
    const origins = new WeakMap<Document, Origin>()
    const stage = traceStage({ name: 'own', apply: () => same }, origins)
    const out: Document[] = []
    for (const line of [0, 1]) {
      const document = { _id: String(line) }
      origins.set(document, { line })
      await applyStages([stage], document, { collection: 'agents' }, found => void out.push(found))
    }
    expect(out.map(found => origins.get(found)?.line)).to.deep.equal([0, 1])
  })

  it('passes documents by that it does not apply to', async () => {
    expect(
      await traced(
        () => undefined,
        [{ _id: 'a' }, { _id: 'b' }],
        ({ line }) => line === 1
      )
    ).to.deep.equal([['a', 0]])
  })

  it('leaves what is no document to be refused', async () => {
    const thrown = await traced(() => 'text' as unknown as Document, one).catch((error: unknown) => error)
    expect(thrown).to.include({ code: 'DOCFERRY_STAGE' })
  })

  it('says as much of its ids as the stage', () => {
    const origins = new WeakMap<Document, Origin>()
    const stage = { name: 'own', text: 'own:a', mayRepeatIds: false, apply: (document: Document) => document }
    expect(traceStage(stage, origins)).to.deep.include({ name: 'own', text: 'own:a', mayRepeatIds: false })
  })
})
