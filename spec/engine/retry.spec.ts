import { expect } from 'chai'
import { retryDelayMs, sleep, withRetry } from '../../lib/engine/retry.ts'
import { DocferryError } from '../../lib/errors.ts'

const again = (retryAfterMs?: number): DocferryError => new DocferryError('DOCFERRY_CONNECT', 'gone', { retryable: true, retryAfterMs })

describe('engine: retry', () => {
  it('doubles the bound of the wait up to the cap', () => {
    const delays = [1, 2, 3, 4, 10].map(attempt => retryDelayMs(attempt, { baseMs: 100, capMs: 1_000, random: () => 1 }))
    expect(delays).to.deep.equal([100, 200, 400, 800, 1_000])
  })

  it('spreads the waits from none to the bound', () => {
    expect(retryDelayMs(3, { baseMs: 100, random: () => 0 })).to.equal(0)
    expect(retryDelayMs(3, { baseMs: 100, random: () => 0.5 })).to.equal(200)
  })

  it('waits at least as long as the service asks, up to five minutes', () => {
    expect(retryDelayMs(1, { retryAfterMs: 3_000, random: () => 0 })).to.equal(3_000)
    expect(retryDelayMs(1, { retryAfterMs: 60_000, capMs: 10_000, random: () => 0 })).to.equal(60_000)
    expect(retryDelayMs(1, { retryAfterMs: 3_600_000, random: () => 0 })).to.equal(300_000)
  })

  it('tries again what may be tried again, and gives the result', async () => {
    const delays: number[] = []
    const result = await withRetry(attempt => (attempt < 3 ? Promise.reject(again()) : Promise.resolve(attempt)), {
      baseMs: 1,
      onRetry: (_, delayMs) => delays.push(delayMs)
    })
    expect(result).to.equal(3)
    expect(delays).to.have.length(2)
  })

  it('throws the last error when the tries are used up', async () => {
    let tries = 0
    const error = await failure(
      withRetry(() => Promise.reject(new DocferryError('DOCFERRY_CONNECT', `try ${++tries}`, { retryable: true })), {
        attempts: 3,
        baseMs: 1
      })
    )
    expect(error.message).to.equal('try 3')
  })

  it('throws at once what is not retryable', async () => {
    let tries = 0
    for (const error of [new DocferryError('DOCFERRY_AUTH', 'no'), new TypeError('a bug')]) {
      const work = (): Promise<never> => {
        tries++
        return Promise.reject(error)
      }
      expect(await failure(withRetry(work, { baseMs: 1 }))).to.equal(error)
    }
    expect(tries).to.equal(2)
  })

  it('ends a wait when the signal aborts, with its reason', async () => {
    const abort = new AbortController()
    const reason = new Error('enough')
    const error = failure(
      withRetry(() => Promise.reject(again(60_000)), { signal: abort.signal, capMs: 60_000, onRetry: () => abort.abort(reason) })
    )
    expect(await error).to.equal(reason)
    expect(await failure(sleep(60_000, abort.signal))).to.equal(reason)
  })

  it('does not multiply the tries of what tries again itself', async () => {
    let calls = 0
    const options = { attempts: 3, baseMs: 1 }
    const work = () => {
      calls++
      return Promise.reject(new DocferryError('DOCFERRY_CONNECT', 'gone', { retryable: true }))
    }
    await withRetry(() => withRetry(work, options), options).catch(() => undefined)
    expect(calls).to.equal(3)
  })
})

async function failure(work: Promise<unknown>): Promise<Error> {
  try {
    await work
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}
