import { expect } from 'chai'
import { beginOnce } from '../../../../lib/connectors/firestore/backups/begin-once.ts'
import { adminError, tasks } from '../../../../lib/connectors/firestore/backups/errors.ts'
import { DocferryError } from '../../../../lib/errors.ts'
import { thrownBy } from '../support.ts'

const status = { denied: 7, exhausted: 8, exists: 6, unavailable: 14 } as const
const waits = { attempts: 3, baseMs: 1, capMs: 1 }
const here = { address: 'here', subject: undefined }
const answer =
  (code: number, task: (typeof tasks)[keyof typeof tasks] = tasks.export) =>
  (): unknown =>
    adminError(Object.assign(new Error('said'), { code, details: 'said' }), { task, ...here })

/** What each try and each look is answered with, in order; the last stays. Of what is thrown, each time another. */
function script(sends: readonly unknown[], looks: readonly unknown[]) {
  const calls: string[] = []
  const next = (name: string, answers: readonly unknown[]): unknown => {
    const found = answers[Math.min(calls.filter(call => call === name).length, answers.length - 1)]
    calls.push(name)
    if (typeof found === 'function') throw found()
    return found
  }
  const send = async () => next('send', sends) as { name: string }
  const look = async () => (next('look', looks) as string[]).map(name => ({ name }))
  return { calls, begin: () => beginOnce({ send, look }, waits) }
}

const lost = answer(status.unavailable)
const lookFails = answer(status.unavailable, tasks.operations)

describe('firestore: beginning once', () => {
  it('looks before it sends again, and takes what is new for its own', async () => {
    const { calls, begin } = script([lost], [['old'], ['old', 'new']])
    expect(await begin()).to.deep.equal({ name: 'new' })
    expect(calls).to.deep.equal(['look', 'send', 'look'])
  })

  it('sends again where nothing was begun', async () => {
    const { calls, begin } = script([lost, { name: 'made' }], [['old']])
    expect(await begin()).to.deep.equal({ name: 'made' })
    expect(calls).to.deep.equal(['look', 'send', 'look', 'send'])
  })

  it('does not send again as long as it can not look', async () => {
    const { calls, begin } = script([lost], [[], lookFails, ['new']])
    expect(await begin()).to.deep.equal({ name: 'new' })
    expect(calls).to.deep.equal(['look', 'send', 'look', 'look'])
  })

  it('says that it may have begun where it never could look', async () => {
    const { calls, begin } = script([lost], [[], lookFails])
    const error = await thrownBy(begin())
    expect(error.message).to.include('may have begun all the same')
    expect(calls.filter(call => call === 'send')).to.have.length(1)
  })

  it('looks once more where a later try is refused for what an earlier one has begun', async () => {
    const { begin } = script([lost, answer(status.exists)], [[], [], ['new']])
    expect(await begin()).to.deep.equal({ name: 'new' })
  })

  it('throws the refusal where that is not so', async () => {
    const { begin } = script([lost, answer(status.denied)], [[]])
    expect(await thrownBy(begin())).to.include({ code: 'DOCFERRY_PERMISSION' })
  })

  it('gives up on a quota after all tries, without a look, and says what bounds there are', async () => {
    const { calls, begin } = script([answer(status.exhausted)], [[]])
    const error = await thrownBy(begin())
    expect(error).to.be.instanceOf(DocferryError).and.include({ code: 'DOCFERRY_THROTTLED' })
    expect(error.message).to.include('50 at work').and.include('nothing was begun')
    expect(calls).to.deep.equal(['look', 'send', 'send', 'send'])
  })

  it('begins nothing where it may have to look and the service can not be reached', async () => {
    const { calls, begin } = script([], [lookFails])
    expect(await thrownBy(begin())).to.include({ code: 'DOCFERRY_CONNECT' })
    expect(calls).to.deep.equal(['look'])
  })
})
