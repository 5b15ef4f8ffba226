/** Documents that a target breaks on, beside targets that break by themselves: the first are given up, of the second none is. */
import { setImmediate } from 'node:timers/promises'
import { expect } from 'chai'
import { RateControl } from '../../lib/engine/rate-control.ts'
import { writeBatch } from '../../lib/engine/write-batch.ts'
import { DocferryError } from '../../lib/errors.ts'
import { openTarget } from '../../lib/open.ts'
import type { Document, Target, WriteOutcome } from '../../lib/types.ts'
import { random } from '../support/random.ts'
import { scriptedTarget } from '../support/scripted-connector.ts'
import type { ScriptedTarget } from '../support/scripted-connector.ts'

const cut = (): DocferryError => new DocferryError('DOCFERRY_CONNECT', 'cut', { retryable: true })
const alone: WriteOutcome = { code: 'DOCFERRY_REFUSED', message: '500', retryable: true, alone: true }

interface Writing {
  readonly maxRetries?: number
  readonly isSideBySide?: boolean
  /** Written first, one behind the other. */
  readonly before?: readonly (readonly string[])[]
}

/** Batches one behind the other, by one control. @returns the outcomes by id, and what ended the writing */
async function writeAll(script: ScriptedTarget, batches: readonly (readonly string[])[], writing: Writing = {}) {
  const { maxRetries, isSideBySide = false, before = [] } = writing
  const record = scriptedTarget(script)
  const target = (await openTarget(record.endpoint)) as Target<Document>
  await target.prepare('agents', { create: true })
  const rate = new RateControl({ batchCount: 500, batchBytes: 1_000_000, inFlight: 4 }, { ...(maxRetries !== undefined && { maxRetries }) })
  const outcomes = new Map<string, WriteOutcome>()
  let error: unknown
  const write = async (ids: readonly string[]): Promise<void> => {
    const batch = ids.map(_id => ({ document: { _id }, encoded: { id: _id, bytes: 10, payload: { _id } } }))
    const got = await writeBatch(target, 'agents', batch, { onConflict: 'skip', fresh: false, attempts: 12, baseMs: 1, capMs: 4, rate })
    for (const [at, id] of ids.entries()) outcomes.set(id, got[at]!)
  }
  try {
    for (const ids of before) await write(ids)
    if (isSideBySide) await Promise.all(batches.map(write))
    else for (const ids of batches) await write(ids)
  } catch (thrown) {
    error = thrown
  }
  const failed = [...outcomes].flatMap(([id, outcome]) => (typeof outcome === 'object' ? id : []))
  return { failed, outcomes, error, held: record.collections.get('agents')!, writes: record.writes }
}

const ids = (count: number, isPoison: (index: number) => boolean): string[] =>
  Array.from({ length: count }, (_, index) => (isPoison(index) ? `poison${index}` : `d${index}`))
const isPoison = (id: string): boolean => id.startsWith('poison')
const cutsPoison: ScriptedTarget = {
  beforeWrite(_, sent) {
    if (sent.some(isPoison)) throw cut()
  },
  takesWrites: () => undefined
}

describe('engine: documents that a target breaks on', function () {
  this.timeout(20_000)

  for (const [count, what] of [
    [2, 'two'],
    [3, 'three'],
    [10, 'ten']
  ] as const) {
    it(`${what} that cut the connection are given up with their cause, and all others are written`, async () => {
      for (const batch of [
        ids(200, index => index % Math.floor(200 / count) === 7 && index < 200),
        ids(200, index => index >= 200 - count),
        ids(200, index => index < count)
      ]) {
        const poison = batch.filter(isPoison)
        const { failed, outcomes, error, held } = await writeAll(cutsPoison, [batch])
        expect(error).to.equal(undefined)
        expect(failed).to.have.members(poison)
        expect(held.size).to.equal(200 - poison.length)
        expect(outcomes.get(poison[0]!)).to.deep.equal({
          code: 'DOCFERRY_CONNECT',
          message: 'cut; other calls are answered',
          retryable: false
        })
      }
    })

    it(`${what} that cut the connection, each in a batch of its own, are given up`, async () => {
      const batches = Array.from({ length: count }, (_, index) => [`poison${index}`])
      const { failed, error } = await writeAll(cutsPoison, [ids(50, () => false), ...batches])
      expect(error).to.equal(undefined)
      expect(failed).to.deep.equal(batches.flat())
    })
  }

  it('two next to each other are given up by a target that can not be asked whether it writes', async () => {
    const { takesWrites: _, ...script } = cutsPoison
    const { failed, error, held } = await writeAll(script, [ids(100, index => index === 40 || index === 41)])
    expect(error).to.equal(undefined)
    expect(failed).to.have.members(['poison40', 'poison41'])
    expect(held.size).to.equal(98)
  })

  it('are sent a few times each, of however many', async () => {
    const batches = Array.from({ length: 4 }, (_, batch) => ids(500, index => index % 20 === 7).map(id => `${id}/${batch}`))
    const { failed, error, writes } = await writeAll(cutsPoison, batches)
    expect(error).to.equal(undefined)
    expect(failed).to.have.members(batches.flat().filter(isPoison))
    const lone = writes.filter(({ ids: sent }) => sent.length === 1 && isPoison(sent[0]!))
    expect(lone.length / failed.length).to.be.below(8)
  })

  for (const [when, isHeld] of [
    ['in a first run', false],
    ['by a run that goes on and meets them as they are', true]
  ] as const)
    it(`are given up though there are batches of nothing else, where the target has taken as many others ${when}`, async () => {
      const batches = [ids(100, () => true), ids(100, index => index < 50), ...[2, 3, 4].map(() => ids(100, () => false))].map(
        (batch, at) => batch.map(id => `${id}/${at}`)
      )
      const others = batches.flat().filter(id => !isPoison(id))
      const script = { ...cutsPoison, ...(isHeld && { held: { agents: others.map(_id => ({ _id })) } }) }
      const { failed, error, held } = await writeAll(script, batches, { isSideBySide: true })
      expect(error).to.equal(undefined)
      expect([failed.length, held.size]).to.deep.equal([150, others.length])
    })

  it('use up none of the retries that a run has for what the target does', async () => {
    const { failed, error, held } = await writeAll(cutsPoison, [ids(400, index => index % 5 === 2)], { maxRetries: 50 })
    expect(error).to.equal(undefined)
    expect([failed.length, held.size]).to.deep.equal([80, 320])
  })

  it('are given up also where they cut the one connection that all calls share', async () => {
    let cuts = 0
    const answer = async (sent: readonly string[] = []): Promise<void> => {
      const before = cuts
      if (sent.some(isPoison)) cuts++
      await setImmediate()
      if (cuts > before) throw cut()
    }
    const batches = Array.from({ length: 4 }, (_, batch) => ids(50, index => index === 49).map(id => `${id}/${batch}`))
    const script: ScriptedTarget = { beforeWrite: (_, sent) => answer(sent), takesWrites: () => answer() }
    const { failed, error, held } = await writeAll(script, batches, { isSideBySide: true })
    expect(error).to.equal(undefined)
    expect(failed).to.have.members(batches.flat().filter(isPoison))
    expect(held.size).to.equal(196)
  })

  it('are given up by a target that refuses to be asked whether it writes', async () => {
    const refuse = (): void => {
      throw new DocferryError('DOCFERRY_PERMISSION', 'no local documents')
    }
    const { failed, error, held } = await writeAll({ ...cutsPoison, takesWrites: refuse }, [ids(100, index => index === 40)])
    expect(error).to.equal(undefined)
    expect([failed, held.size]).to.deep.equal([['poison40'], 99])
  })

  it('are given up by such a target that answers for each document, also the last one', async () => {
    const refuse = (): void => {
      throw new DocferryError('DOCFERRY_PERMISSION', 'no local documents')
    }
    const { failed, error } = await writeAll({ outcome: id => (isPoison(id) ? alone : undefined), takesWrites: refuse }, [
      ids(100, index => index === 99)
    ])
    expect(error).to.equal(undefined)
    expect(failed).to.deep.equal(['poison99'])
  })

  const refusesToBeAsked = (): void => {
    throw new DocferryError('DOCFERRY_PERMISSION', 'no local documents')
  }
  const soFar = Array.from({ length: 30 }, (_, batch) => [`before${batch}`])
  const lastOf100 = (batch: number): string[] => ids(100, index => index === 99).map(id => `${id}/${batch}`)
  for (const [how, script] of [
    ['cut the connection', cutsPoison],
    ['are answered with an error', { outcome: (id: string) => (isPoison(id) ? alone : undefined) }]
  ] as const)
    for (const [what, batches, isSideBySide] of [
      ['two, each the last of its batch', [lastOf100(1), lastOf100(2)], false],
      ['three, each the last of its batch, side by side', [lastOf100(1), lastOf100(2), lastOf100(3)], true],
      ['two in a batch of their own', [['poison1', 'poison2']], false],
      ['two, each in a batch of its own', [['poison1'], ['poison2']], false],
      ['one that is the last of its batch, and one in its own', [lastOf100(1), ['poison2']], false]
    ] as const)
      it(`${what}, are given up at the end of a run by a target that can not be asked: they ${how}`, async () => {
        const { failed, error } = await writeAll({ ...script, takesWrites: refusesToBeAsked }, batches, { before: soFar, isSideBySide })
        expect(error).to.equal(undefined)
        expect(failed).to.have.members(batches.flat().filter(isPoison))
      })

  it('count as written where the target holds them, and just their answers are lost', async () => {
    const lose = (_: number, sent: readonly string[]): void => {
      if (sent.some(isPoison)) throw cut()
    }
    const { outcomes, error } = await writeAll({ afterWrite: lose, takesWrites: () => undefined }, [ids(100, index => index % 50 === 7)])
    expect(error).to.equal(undefined)
    expect([...outcomes.values()].filter(outcome => outcome === 'written').length).to.equal(100)
  })

  it('are told apart where the target tells itself that they failed alone', async () => {
    const batch = ids(100, index => index % 10 === 3)
    const { failed, outcomes, error } = await writeAll(
      { outcome: id => (isPoison(id) ? alone : undefined), takesWrites: () => undefined },
      [batch]
    )
    expect(error).to.equal(undefined)
    expect(failed).to.have.members(batch.filter(isPoison))
    expect(outcomes.get('poison3')).to.deep.equal({ code: 'DOCFERRY_REFUSED', message: '500', retryable: false })
  })
})

describe('engine: a target that breaks by itself', function () {
  this.timeout(20_000)

  for (const share of [0.2, 0.5, 0.8]) {
    it(`fails no document for it: of ${share * 100} % of all calls`, async () => {
      for (let seed = 1; seed <= 5; seed++) {
        const chance = random(seed, 'poison')
        const fail = (): void => {
          if (chance.chance(share)) throw cut()
        }
        const batches = Array.from({ length: 6 }, (_, batch) => ids(100, () => false).map(id => `${id}/${batch}`))
        const { failed, error, held } = await writeAll({ beforeWrite: fail, takesWrites: fail }, batches)
        expect(failed).to.deep.equal([])
        // One that hardly ever answers is given up.
        if (share > 0.5 && error) expect(error).to.include({ code: 'DOCFERRY_CONNECT', message: 'cut' })
        else expect([error, held.size]).to.deep.equal([undefined, 600])
      }
    })
  }

  for (const at of [1, 3, 6, 9]) {
    it(`fails no document for it: for good, from call ${at} on, though there was one that it broke on`, async () => {
      let calls = 0
      const fail = (sent: readonly string[] = []): void => {
        if (++calls >= at || sent.some(isPoison)) throw cut()
      }
      const { failed, error } = await writeAll({ beforeWrite: (_, sent) => fail(sent), takesWrites: fail }, [
        ids(60, () => false),
        ids(60, index => index === 20).map(id => `${id}x`)
      ])
      expect(failed).to.deep.equal([])
      expect(error).to.include({ code: 'DOCFERRY_CONNECT', message: 'cut' })
    })
  }

  for (const what of ['large ones', 'those of one part'] as const)
    it(`fails no document for it: of which just ${what} are not taken for a while`, async () => {
      const began = performance.now()
      const fail = (_: number, sent: readonly string[]): void => {
        // Two thirds of the time for which a call is tried again.
        if (performance.now() - began < 200 && sent.some(isPoison)) throw cut()
      }
      const share = what === 'large ones' ? 60 : 20
      const { failed, error, held } = await writeAll({ beforeWrite: fail, takesWrites: () => undefined }, [
        ids(300, index => index % share === 3),
        ids(300, index => index % share === 5).map(id => `${id}x`)
      ])
      expect(error).to.equal(undefined)
      expect(failed).to.deep.equal([])
      expect(held.size).to.equal(600)
    })

  it('fails no document for it: of the call in which it broke, the last of the run', async () => {
    let isDown = false
    const fail = (): void => {
      if (isDown) throw cut()
    }
    const script: ScriptedTarget = {
      beforeWrite(_, sent) {
        isDown ||= sent.includes('last')
        fail()
      },
      takesWrites: fail
    }
    const { failed, error } = await writeAll(script, [ids(60, () => false), ['last']])
    expect(failed).to.deep.equal([])
    expect(error).to.include({ code: 'DOCFERRY_CONNECT' })
  })

  it('gives up two documents at most for it: for good, of one that can not be asked, with more than a few left', async () => {
    for (const left of [
      [['1', '2', '3', '4']],
      [
        ['1', '2'],
        ['3', '4']
      ],
      [ids(60, () => false)]
    ]) {
      let calls = 0
      const refuse = (): void => {
        throw new DocferryError('DOCFERRY_PERMISSION', 'no local documents')
      }
      const before = Array.from({ length: 30 }, (_, batch) => [`before${batch}`])
      const fail = (): void => {
        if (++calls > before.length) throw cut()
      }
      const { failed, error } = await writeAll({ beforeWrite: fail, takesWrites: refuse }, left, { before })
      expect(failed.length).to.be.below(3)
      expect(error).to.include({ code: 'DOCFERRY_CONNECT' })
    }
  })

  it('fails a hundred documents at most for it: of one that says that it writes, and takes none', async () => {
    for (const [size, most] of [
      [100, 100],
      [300, 0]
    ] as const) {
      const batches = Array.from({ length: 4 }, (_, batch) => ids(size, () => false).map(id => `${id}/${batch}`))
      const script: ScriptedTarget = {
        beforeWrite() {
          throw cut()
        },
        takesWrites: () => undefined
      }
      const { failed, error } = await writeAll(script, batches, { isSideBySide: true })
      expect(failed.length).to.be.at.most(most)
      expect(error).to.include({ code: 'DOCFERRY_CONNECT' })
    }
  })

  it('goes on where it comes back', async () => {
    let calls = 0
    const fail = (): void => {
      if (++calls > 2 && calls < 14) throw cut()
    }
    const { failed, error, held } = await writeAll({ beforeWrite: fail, takesWrites: fail }, [
      ids(60, () => false),
      ids(60, () => false).map(id => `${id}x`),
      ids(60, () => false).map(id => `${id}y`)
    ])
    expect(error).to.equal(undefined)
    expect(failed).to.deep.equal([])
    expect(held.size).to.equal(180)
  })
})
