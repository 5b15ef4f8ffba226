import { expect } from 'chai'
import { dedupe } from '../../lib/stages/dedupe.ts'
import type { DedupeOptions } from '../../lib/stages/dedupe.ts'
import { makeStage } from '../../lib/stages/make-stage.ts'
import type { Json, Stage, StageState } from '../../lib/types.ts'
import { Double } from '../../lib/values/index.ts'
import type { Value } from '../../lib/values/index.ts'

/** Ids of those that pass. */
function passing(
  stage: Stage,
  documents: readonly Record<string, Value>[],
  context: Parameters<Stage['apply']>[1] = { collection: 'c' }
): number[] {
  return documents.flatMap((fields, index) => (stage.apply({ _id: `${index}`, ...fields }, context) === undefined ? [] : [index]))
}

const stateOf = (stage: Stage): StageState => stage.state as StageState

describe('stage dedupe', () => {
  it('lets the first of several pass, by the fields named', () => {
    expect(
      passing(dedupe({ by: ['a', 'b.c'] }), [
        { a: 1, b: { c: 1 } },
        { a: 1, b: { c: 2 } },
        { a: 1, b: { c: 1 }, d: 9 }
      ])
    ).to.deep.equal([0, 1])
  })

  it('compares values as people do: 1.0 is 1, fields have no order, text is no number', () => {
    expect(
      passing(dedupe({ by: ['a'] }), [{ a: 1 }, { a: new Double(1) }, { a: '1' }, { a: { x: 1, y: 2 } }, { a: { y: 2, x: 1 } }])
    ).to.deep.equal([0, 2, 3])
  })

  it('always lets pass what has none of the fields', () => {
    expect(passing(dedupe({ by: ['a', 'b'] }), [{}, { a: null }, { c: 1 }, { b: 1 }, { a: null, b: 1 }])).to.deep.equal([0, 1, 2, 3])
  })

  it('takes all members of a list together', () => {
    expect(
      passing(dedupe({ by: ['l[*].k'] }), [
        { l: [{ k: 1 }, { k: 2 }] },
        { l: [{ k: 1 }] },
        { l: [{ k: 1, z: 1 }, { k: 2 }] },
        { l: [] },
        { l: [] }
      ])
    ).to.deep.equal([0, 1, 3, 4])
  })

  it('compares whole documents without their ids', () => {
    const proto = (): Record<string, Value> => JSON.parse('{"__proto__":{"a":1}}') as Record<string, Value>
    expect(passing(dedupe(), [{ a: 1 }, { a: 1 }, {}, { a: 1, b: undefined as never }])).to.deep.equal([0, 2])
    const stage = dedupe()
    const seen = [proto(), {}, proto()].map(
      (fields, index) => stage.apply(Object.assign(fields, { _id: `${index}` }), { collection: 'c' }) !== undefined
    )
    expect(seen).to.deep.equal([true, true, false])
  })

  it('tells collections apart, or not', () => {
    for (const across of [false, true]) {
      const stage = dedupe({ by: ['a'], across })
      expect(passing(stage, [{ a: 1 }], { collection: 'one' })).to.deep.equal([0])
      expect(passing(stage, [{ a: 1 }], { collection: 'two' })).to.deep.equal(across ? [] : [0])
    }
  })

  it('tells when it had to forget', () => {
    const stage = dedupe({ by: ['a'], most: 2 })
    expect(passing(stage, [{ a: 1 }, { a: 2 }])).to.deep.equal([0, 1])
    expect(stage.notes?.()).to.deep.equal([])
    expect(passing(stage, [{ a: 3 }, { a: 1 }])).to.deep.equal([0, 1])
    expect(stage.notes?.().join()).to.match(/more than 2 different keys, so 2 were forgotten/)
  })

  describe('state', () => {
    const read = (stage: Stage, partition: string, values: number[]): number[] =>
      passing(
        stage,
        values.map(a => ({ a })),
        { collection: 'c', partition }
      )

    it('gives each partition’s new keys once, and nothing where there are none', () => {
      const stage = dedupe({ by: ['a'] })
      read(stage, 'p', [1, 2, 1])
      read(stage, 'q', [1, 3])
      expect(Buffer.from(stateOf(stage).take('p') as string, 'base64')).to.have.length(32)
      expect(Buffer.from(stateOf(stage).take('q') as string, 'base64')).to.have.length(16)
      expect(stateOf(stage).take('p')).to.equal(undefined)
      expect(stateOf(stage).take('other')).to.equal(undefined)
    })

    it('is given back in any order', () => {
      const before = dedupe({ by: ['a'] })
      const pieces: (Json | undefined)[] = []
      for (const [partition, values] of [
        ['p', [1, 2]],
        ['q', [3]],
        ['p', [4]]
      ] as const) {
        read(before, partition, [...values])
        pieces.push(stateOf(before).take(partition))
      }
      const after = dedupe({ by: ['a'] })
      for (const piece of pieces.reverse()) stateOf(after).restore(piece!)
      expect(read(after, 'p', [1, 2, 3, 4, 5])).to.deep.equal([4])
      expect(Buffer.from(stateOf(after).take('p') as string, 'base64')).to.have.length(16)
    })

    it('lets what was not acknowledged pass again', () => {
      const before = dedupe({ by: ['a'] })
      read(before, 'p', [1])
      const piece = stateOf(before).take('p')!
      read(before, 'p', [2])
      const after = dedupe({ by: ['a'] })
      stateOf(after).restore(piece)
      expect(read(after, 'p', [2])).to.deep.equal([0])
    })

    it('keeps nothing where nobody asks', () => {
      const stage = dedupe({ by: ['a'] })
      passing(stage, [{ a: 1 }])
      expect(stateOf(stage).take('')).to.equal(undefined)
    })
  })

  it('refuses wrong options by their place', async () => {
    const problem = async (options: DedupeOptions | unknown[]): Promise<string> =>
      await makeStage('dedupe', options, { folder: '.', environment: {} }).then(
        () => 'none',
        (error: Error) => error.message
      )
    expect(await problem({ by: ['a..b'] })).to.include('by[0]')
    expect(await problem([])).to.include('must not be empty')
    expect(await problem({ most: 0 })).to.include('most: must be at least 1')
  })
})
