import { expect } from 'chai'
import type { FirestoreOptions } from '../../../lib/connectors/firestore/index.ts'
import type { Version } from '../../../lib/connectors/firestore/lookup.ts'
import { WireReader, WireWriter } from '../../../lib/connectors/firestore/wire.ts'
import type { Change, Held, Target } from '../../../lib/types.ts'
import { uniqueName } from '../../support/servers.ts'
import { accepted, encodeAll, encoderBelow, numbered, openGate, openTarget, ownProject, thrownBy, writeAll } from './support.ts'

type Changing = Required<Omit<Target<Buffer>, 'dropCollection' | 'suspend'>>

const removal = (seen: Held): Change<Buffer> => ({ seen })

describe('firestore: changes', () => {
  let options: FirestoreOptions
  let target: Changing
  let collection: string

  before(async () => {
    options = await ownProject()
    target = (await openTarget(options)) as unknown as Changing
  })
  beforeEach(() => {
    collection = uniqueName()
  })
  after(() => target.close())

  async function written(count: number): Promise<readonly Held<Version>[]> {
    await writeAll(target, collection, numbered(count))
    const ids = numbered(count).map(({ _id }) => _id)
    const held = (await target.look(collection, ids, {})) as readonly Held<Version>[]
    return [...held].sort((a, b) => (a.document._id < b.document._id ? -1 : 1))
  }

  it('compares the time of the last write to the last digit', async () => {
    const [seen] = (await written(1)) as [Held<Version>]
    const { name, updateTime } = seen.version
    const { seconds, nanoseconds } = readTime(updateTime)
    expect(seconds).to.be.greaterThan(1_700_000_000)
    const off = { ...seen, version: { name, updateTime: timeOf(seconds, nanoseconds === 0 ? 1_000 : nanoseconds - 1_000) } }
    expect(await target.change(collection, [removal(off)], {})).to.deep.equal(['changed'])
    const same = { ...seen, version: { name, updateTime: timeOf(seconds, nanoseconds) } }
    expect(await target.change(collection, [removal(same)], {})).to.deep.equal(['done'])
  })

  it('isolates a document that Firestore refuses a whole request for', async () => {
    const seen = await written(6)
    const malformed = accepted(encoderBelow(options.project!, '__a__/b').encode(collection, { _id: 'bad' }))
    const puts = encodeAll(target, collection, numbered(6, 'new'))
    puts[3] = malformed
    const outcomes = await target.change(
      collection,
      seen.map((each, index) => ({ seen: each, put: puts[index]! })),
      {}
    )
    expect(outcomes.map(outcome => (typeof outcome === 'object' ? outcome.code : outcome))).to.deep.equal([
      'done',
      'done',
      'done',
      'DOCFERRY_REFUSED',
      'done',
      'done'
    ])
  })

  it('throws what may be tried again when the connection is cut', async () => {
    const gate = await openGate(options.emulator!)
    const gated = (await openTarget({ ...options, emulator: gate.host })) as unknown as Changing
    try {
      const changes = (await written(10)).map(removal)
      gate.cutAfter(0)
      expect(await thrownBy(gated.change(collection, changes, {}))).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
      // Whether the first call came to the server is not known; a second tells, and does what is left.
      expect(['done', 'changed']).to.include.members([...(await gated.change(collection, changes, {}))])
      expect(
        await target.look(
          collection,
          changes.map(({ seen }) => seen.document._id),
          {}
        )
      ).to.deep.equal([])
    } finally {
      await gated.close()
      await gate.close()
    }
  })
})

function readTime(message: Uint8Array): { readonly seconds: number; readonly nanoseconds: number } {
  const reader = new WireReader(Buffer.from(message))
  const time = { seconds: 0, nanoseconds: 0 }
  while (reader.position < message.length) time[reader.readVarint() === 8 ? 'seconds' : 'nanoseconds'] = reader.readVarint()
  return time
}

function timeOf(seconds: number, nanoseconds: number): Uint8Array {
  const writer = new WireWriter()
  if (nanoseconds !== 0) writer.varintField(2, nanoseconds)
  writer.varintField(1, seconds)
  return writer.finish()
}
