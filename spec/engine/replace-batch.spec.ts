import { expect } from 'chai'
import { replacing } from '../../lib/engine/replace-batch.ts'
import type { ReplaceOptions, Replacing } from '../../lib/engine/replace-batch.ts'
import type { Outgoing } from '../../lib/engine/outgoing.ts'
import { DocferryError } from '../../lib/errors.ts'
import { openTarget } from '../../lib/open.ts'
import type { Document, WriteOutcome } from '../../lib/types.ts'
import { scriptedTarget } from '../support/scripted-connector.ts'
import type { ScriptedTarget } from '../support/scripted-connector.ts'

const outgoing = (document: Document): Outgoing => ({ document, encoded: { id: document._id, bytes: 10, payload: document } })
const theirs = (_id: string): Document => ({ _id, of: 'theirs' })
const ours = (_id: string): Document => ({ _id, of: 'ours' })

describe('replacing by compare-and-set', () => {
  const { signal } = new AbortController()

  /** The same call may be made again. */
  const prepared = async (script: ScriptedTarget, documents: readonly Document[], options: ReplaceOptions = {}) => {
    const record = scriptedTarget(script)
    const target = await openTarget(record.endpoint)
    const send = replacing(target, 'a', options)
    const part = documents.map(outgoing)
    return {
      held: () => [...(record.collections.get('a')?.values() ?? [])],
      send: (): Promise<readonly WriteOutcome[]> => send(part, signal),
      record
    }
  }

  it('writes what is missing, replaces what differs, and sends nothing for what is right', async () => {
    const { held, send, record } = await prepared({ held: { a: [theirs('other'), ours('right')] } }, ['new', 'other', 'right'].map(ours))
    expect(await send()).to.deep.equal(['written', 'written', 'written'])
    expect(held()).to.have.deep.members(['new', 'other', 'right'].map(ours))
    expect([record.writes, record.changes].map(calls => calls.map(({ ids }) => ids))).to.deep.equal([[['new']], [['other']]])
  })

  it('skips what may not be replaced, and asks once for each that the target holds another of', async () => {
    const asked: string[] = []
    let fails = true
    const { held, send } = await prepared(
      {
        held: { a: [theirs('kept'), theirs('replaced'), ours('right')] },
        beforeChange() {
          if (fails) throw new DocferryError('DOCFERRY_CONNECT', 'cut', { retryable: true })
        }
      },
      ['new', 'kept', 'replaced', 'right'].map(ours),
      {
        mayReplace: (collection, id) =>
          asked.push(`${collection}/${id}`) > 0 && id === 'replaced' && asked.filter(each => each === 'a/replaced').length === 1
      }
    )
    await send().then(
      () => expect.fail('did not fail'),
      () => (fails = false)
    )
    expect(await send()).to.deep.equal(['written', 'skipped', 'written', 'written'])
    expect(asked).to.deep.equal(['a/kept', 'a/replaced', 'a/kept'])
    expect(held()).to.have.deep.members([theirs('kept'), ours('new'), ours('replaced'), ours('right')])
  })

  it('looks again where somebody was quicker, and keeps what it then stands in place of', async () => {
    const kept: (readonly [string, unknown])[] = []
    const keep = async (_: string, todo: readonly Replacing[]): Promise<void> =>
      void kept.push(...todo.map(({ outgoing: { encoded }, seen }) => [encoded.id, seen?.document['of']] as const))
    const { held, send, record } = await prepared(
      {
        held: { a: [theirs('changed')] },
        beforeChange: call => void (call === 1 && record.collections.get('a')!.set('changed', { _id: 'changed', of: 'newer' })),
        beforeWrite: call => void (call === 1 && record.collections.get('a')!.set('made', theirs('made')))
      },
      ['changed', 'made'].map(ours),
      { keep }
    )
    expect(await send()).to.deep.equal(['written', 'written'])
    expect(held()).to.have.deep.members(['changed', 'made'].map(ours))
    expect(kept).to.deep.equal([
      ['changed', 'theirs'],
      ['made', undefined],
      ['changed', 'newer'],
      ['made', 'theirs']
    ])
  })

  it('takes what a lost call has done for written, and keeps nothing twice', async () => {
    let kept = 0
    const { held, send } = await prepared(
      {
        held: { a: [theirs('d')] },
        afterChange(call) {
          if (call === 1) throw new DocferryError('DOCFERRY_CONNECT', 'cut', { retryable: true })
        }
      },
      [ours('d')],
      { keep: async (_, todo) => void (kept += todo.length) }
    )
    await send().then(
      () => expect.fail('did not fail'),
      (error: unknown) => expect(error).to.include({ code: 'DOCFERRY_CONNECT' })
    )
    expect(await send()).to.deep.equal(['written'])
    expect(held()).to.deep.equal([ours('d')])
    expect(kept).to.equal(1)
  })

  it('takes for its own what a lost call has written, where none is looked up first', async () => {
    const notMade: string[] = []
    const kept: string[] = []
    const documents = ['lost', 'other'].map(ours)
    const { held, send, record } = await prepared(
      {
        held: { a: [theirs('other')] },
        afterWrite(call) {
          if (call === 1) throw new DocferryError('DOCFERRY_CONNECT', 'cut', { retryable: true })
        }
      },
      documents,
      {
        keep: async (_, todo) => void kept.push(...todo.map(({ outgoing: { encoded } }) => encoded.id)),
        unlooked: { fresh: false, notMade: async those => void notMade.push(...those.map(({ encoded }) => encoded.id)) }
      }
    )
    await send().then(
      () => expect.fail('did not fail'),
      (error: unknown) => expect(error).to.include({ code: 'DOCFERRY_CONNECT' })
    )
    expect(await send()).to.deep.equal(documents.map(() => 'written'))
    expect(held()).to.have.deep.members(documents)
    expect([kept, notMade]).to.deep.equal([['other'], []])
    expect(record.writes.map(({ ids, fresh }) => [ids.length, fresh])).to.deep.equal([[2, false]])
  })

  it('tells of an equal document that no call of its own has written, where none is looked up first', async () => {
    const notMade: string[] = []
    const { send } = await prepared({ held: { a: [ours('equal')] } }, ['equal', 'new'].map(ours), {
      keep: async () => {},
      unlooked: { fresh: false, notMade: async those => void notMade.push(...those.map(({ encoded }) => encoded.id)) }
    })
    expect(await send()).to.deep.equal(['written', 'written'])
    expect(notMade).to.deep.equal(['equal'])
  })

  it('gives a document up that others go on changing', async () => {
    const { held, send, record } = await prepared(
      { held: { a: [theirs('d')] }, beforeChange: call => void record.collections.get('a')!.set('d', { _id: 'd', of: call }) },
      [ours('d')]
    )
    const [outcome] = await send()
    expect(outcome).to.include({ code: 'DOCFERRY_CONFLICT', retryable: false })
    expect(held()).to.deep.equal([{ _id: 'd', of: 10 }])
  })

  it('hands on what the target says of a document', async () => {
    const refused: WriteOutcome = { code: 'DOCFERRY_REFUSED', message: 'no', retryable: false }
    const { send } = await prepared({ outcome: id => (id === 'bad' ? refused : undefined) }, ['good', 'bad'].map(ours))
    expect(await send()).to.deep.equal(['written', refused])
  })

  it('changes nothing where what is replaced can not be kept', async () => {
    const keep = async (): Promise<void> => {
      throw new DocferryError('DOCFERRY_STATE', 'disk full')
    }
    const { held, send } = await prepared({ held: { a: [theirs('d')] } }, ['d', 'new'].map(ours), { keep })
    await send().then(
      () => expect.fail('did not fail'),
      (error: unknown) => expect(error).to.include({ code: 'DOCFERRY_STATE' })
    )
    expect(held()).to.deep.equal([theirs('d')])
  })
})
