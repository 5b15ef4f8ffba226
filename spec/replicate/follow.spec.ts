import { expect } from 'chai'
import { now } from '../../lib/clock.ts'
import { DocferryError } from '../../lib/errors.ts'
import { follow } from '../../lib/replicate/follow.ts'
import type { FollowOptions } from '../../lib/replicate/follow.ts'
import { noReplicationCounts } from '../../lib/replicate/report.ts'
import type { ReplicatedCollection } from '../../lib/replicate/report.ts'
import type { Replication, ReplicationTrouble, Replicator } from '../../lib/contracts/replication.ts'

const moved = { ...noReplicationCounts, revisionsChecked: 3, documentsRead: 3, documentsWritten: 3 }
const passing: ReplicationTrouble = { code: 'DOCFERRY_CONNECT', message: 'nobody answers', isPassing: true }

type Seen = Partial<Replication>

interface Followed {
  readonly collection: ReplicatedCollection
  readonly looks: number
  readonly error: unknown
  readonly note: string | undefined
}

/** What the server tells, one after the other; the last again and again. */
async function followed(told: readonly Seen[], given: Options = {}): Promise<Followed> {
  const { how = 'begun', continuous = false, ending, missing = 0, ...options } = given
  const collection: ReplicatedCollection = {
    source: 'agents',
    target: 'agents',
    id: 'r1',
    how,
    state: 'initializing',
    created: true,
    before: 0,
    counts: noReplicationCounts,
    errors: 0,
    isKept: true
  }
  let looks = 0
  const replicator = {
    async look() {
      const seen = told[Math.min(looks++, told.length - 1)]
      return { id: 'r1', state: 'running', source: '', target: '', continuous, transient: false, errors: 0, ...seen } as Replication
    },
    ending: async () => ending,
    compareRevisions: async () => ({ missing }),
    isCaughtUp: async () => true
  } as unknown as Replicator
  const request = { source: 'agents', target: 'agents', continuous, transient: false }
  let note: string | undefined
  const error: unknown = await follow(replicator, request, collection, { deadline: Infinity, pollMs: 1, ...options }).then(
    said => void (note = said),
    (thrown: unknown) => thrown
  )
  return { collection, looks, error, note }
}

interface Options extends Partial<FollowOptions> {
  readonly how?: 'begun' | 'joined'
  readonly continuous?: boolean
  /** What is left of one that was removed, and what a comparison of both sides says. */
  readonly ending?: Pick<Replication, 'state' | 'counts'>
  readonly missing?: number
}

describe('replicate: follow', () => {
  it('goes on over crashes that pass, and takes the last figures', async () => {
    const crashing = { state: 'crashing', errors: 1, trouble: passing, counts: moved } as const
    const { collection, error } = await followed([
      { counts: moved },
      crashing,
      { state: 'completed', counts: { ...moved, documentsWritten: 4 } }
    ])
    expect(error).to.equal(undefined)
    expect(collection).to.deep.include({ state: 'completed', errors: 0, counts: { ...moved, documentsWritten: 4 } })
    expect(collection).not.to.have.property('message')
  })

  it('gives up at the first crash where nothing was ever reached', async () => {
    const { error, looks } = await followed([{ state: 'crashing', errors: 1, trouble: passing }])
    expect(error).to.be.instanceOf(DocferryError).and.include({ code: 'DOCFERRY_CONNECT' })
    expect(looks).to.equal(1)
  })

  it('gives up at once what never passes', async () => {
    const trouble: ReplicationTrouble = { code: 'DOCFERRY_AUTH', message: 'refused', isPassing: false }
    const { error } = await followed([{ state: 'crashing', errors: 1, trouble, counts: moved }])
    expect(error).to.include({ code: 'DOCFERRY_AUTH' })
  })

  it('gives up after ten crashes in a row where it is continuous', async () => {
    const crash = (errors: number): Seen => ({ state: 'crashing', errors, trouble: passing, counts: moved })
    const { error, looks } = await followed([crash(8), crash(9), crash(10)], { continuous: true })
    expect(error).to.include({ code: 'DOCFERRY_CONNECT' })
    expect(looks).to.equal(3)
  })

  describe('a one-time replication that crashes again and again', () => {
    const trouble: ReplicationTrouble = { code: 'DOCFERRY_REPLICATION', message: 'the target answers 413', isPassing: true }
    const running = (documentsWritten: number): Seen => ({ counts: { ...moved, documentsWritten } })
    const crash = (errors: number, updatedAt = `${errors}`): Seen => ({ state: 'crashing', errors, trouble, updatedAt })
    const rounds = (count: number, of: (round: number) => readonly Seen[]): Seen[] =>
      Array.from({ length: count }, (_, round) => of(round + 1)).flat()

    it('ends once it has crashed five times and written nothing between, with the reason and what to do', async () => {
      const { error, looks } = await followed(rounds(9, round => [running(3), crash(round)]))
      expect(error).to.include({ code: 'DOCFERRY_REPLICATION' })
      expect((error as Error).message)
        .to.include('the target answers 413')
        .and.include('crashed 5 times')
        .and.include('the same command')
      expect(looks).to.equal(10)
    })

    it('ends also where the server counts each crash as the first, for its tries last long', async () => {
      const { error, looks } = await followed(rounds(9, round => [running(3), crash(1, `${round}`)]))
      expect((error as Error).message).to.include('crashed 5 times')
      expect(looks).to.equal(10)
    })

    it('goes on as long as it writes something between', async () => {
      const told = rounds(9, round => [running(3 + round), crash(1, `${round}`)])
      const { error } = await followed([...told, { state: 'completed' }])
      expect(error).to.equal(undefined)
    })

    it('is given half an hour where an end does not answer any more', async () => {
      const told = rounds(9, round => [running(3), { ...crash(round), trouble: passing }])
      expect((await followed(told)).looks).to.equal(14)
    })

    it('says that one that was joined has to be cancelled first', async () => {
      const { error } = await followed([crash(6)], { how: 'joined' })
      expect((error as Error).message).to.include('cancel r1')
    })

    it('goes on where it is continuous', async () => {
      const told = rounds(9, round => [running(3), crash(round)])
      const { error } = await followed([...told, running(4), running(4)], { continuous: true })
      expect(error).to.equal(undefined)
    })

    it('tells of each crash once, and why', async () => {
      const lines: string[] = []
      const silent = (): void => undefined
      const logger = { debug: silent, info: silent, error: silent, warn: (_context: object, text: string) => void lines.push(text) }
      await followed([running(3), crash(1), crash(1), running(3), crash(2), crash(2), { state: 'completed' }], { logger })
      expect(lines).to.deep.equal([
        'replicating agents has crashed, and the server tries again by itself: the target answers 413',
        'replicating agents has crashed, 2 times in a row, and the server tries again by itself: the target answers 413'
      ])
    })

    it('says why where its time is over', async () => {
      const { error } = await followed([crash(1)], { deadline: now() - 1 })
      expect((error as Error).message).to.include('(crashing: the target answers 413)')
    })
  })

  it('fails with what the server calls failed, whatever the reason', async () => {
    const { error } = await followed([{ state: 'failed', errors: 1, trouble: { ...passing, code: 'DOCFERRY_REPLICATION' }, counts: moved }])
    expect(error).to.include({ code: 'DOCFERRY_REPLICATION' })
  })

  for (const how of ['begun', 'joined'] as const) {
    const gone = [{ counts: moved }, { state: 'gone' }] as const

    it(`fails where somebody removes it meanwhile, and the target lacks something: ${how}`, async () => {
      const { error, collection } = await followed(gone, { how, missing: 1 })
      expect(error).to.include({ code: 'DOCFERRY_REPLICATION' })
      expect((error as Error).message).to.include('somebody has removed r1')
      expect(collection).to.include({ state: 'gone', isKept: false })
    })

    it(`is done where another docferry has removed it at its end, whatever the target refused: ${how}`, async () => {
      const counts = { ...moved, documentsWritten: 2, writeFailures: 1 }
      const { error, collection, note } = await followed(gone, { how, ending: { state: 'completed', counts }, missing: 1 })
      expect(error).to.equal(undefined)
      expect(collection).to.deep.include({ state: 'completed', isKept: false, counts })
      expect(note).to.include('another docferry has removed r1')
    })

    it(`is done where nothing tells how it ended, and the target lacks nothing: ${how}`, async () => {
      const { error, collection, note } = await followed(gone, { how })
      expect(error).to.equal(undefined)
      expect(collection).to.deep.include({ state: 'completed', isKept: false, counts: moved })
      expect(note).to.include('the target lacks no revision of the source')
    })
  }

  it('fails where somebody removes a continuous one', async () => {
    const { error } = await followed([{ state: 'gone' }], { how: 'joined', continuous: true })
    expect(error).to.include({ code: 'DOCFERRY_REPLICATION' })
  })

  it('waits for what the scheduler does not know yet', async () => {
    const { error, looks } = await followed([{ state: 'gone' }, { state: 'initializing' }, { state: 'completed', counts: moved }])
    expect({ error, looks }).to.deep.equal({ error: undefined, looks: 3 })
  })

  it('asks whether a continuous one has caught up only once its figures stand still', async () => {
    const { collection, looks } = await followed([{}, { counts: moved }, { counts: moved }], { continuous: true })
    expect(collection).to.include({ state: 'caught up' })
    expect(looks).to.equal(3)
  })

  it('gives up when its time is over', async () => {
    const { error } = await followed([{ counts: moved }], { deadline: now() - 1 })
    expect(error).to.include({ code: 'DOCFERRY_REPLICATION' })
    expect((error as Error).message).to.include('r1 goes on on the server')
  })
})
