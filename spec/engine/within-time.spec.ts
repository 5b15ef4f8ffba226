import { expect } from 'chai'
import { withinTime } from '../../lib/engine/within-time.ts'

const late = (): Error => new Error('too late')
const never = (): Promise<never> => new Promise(() => undefined)
const failure = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => expect.fail('it should have failed'),
    (error: Error) => error
  )

describe('engine: work within a time', () => {
  it('gives what comes in time', async () => {
    expect(await withinTime(() => Promise.resolve(7), { ms: 1_000, late })).to.equal(7)
  })

  it('tells the work to end when the time is over, and fails with the given error', async () => {
    const work = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }))
    expect(await failure(withinTime(work, { ms: 1, late }))).to.have.property('message', 'too late')
  })

  it('leaves work that does not notice', async () => {
    expect(await failure(withinTime(never, { ms: 1, late }))).to.have.property('message', 'too late')
  })

  it('hands on an abort with its reason', async () => {
    const abort = new AbortController()
    const work = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
    const error = failure(withinTime(work, { ms: 60_000, signal: abort.signal, late }))
    abort.abort(new Error('enough'))
    expect(await error).to.have.property('message', 'enough')
  })

  it('does not begin when it is aborted already', async () => {
    let began = false
    const work = async (): Promise<void> => void (began = true)
    await failure(withinTime(work, { ms: 1_000, signal: AbortSignal.abort(new Error('enough')), late }))
    expect(began).to.equal(false)
  })
})
