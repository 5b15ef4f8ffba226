import { expect } from 'chai'
import { watchReader } from '../../lib/engine/watch-reader.ts'
import { DocferryError } from '../../lib/errors.ts'
import type { Page, ReadOptions, Source } from '../../lib/types.ts'

const partition = { id: 'agents/1of1', collections: ['agents'] }
const page = (number: number): Page => ({ collection: 'agents', documents: [{ _id: String(number) }], cursor: String(number), bytes: 1 })
const ids = async (pages: AsyncIterable<Page>): Promise<string[]> => {
  const found: string[] = []
  for await (const { documents } of pages) found.push(...documents.map(({ _id }) => _id))
  return found
}
const untilAborted = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))

/** @param reading called for each reader with where it begins */
function source(reading: (after: number, options: ReadOptions) => AsyncGenerator<Page>): Source {
  return {
    location: { provider: 'firestore', address: 'here', identity: 'here' },
    uniqueIds: true,
    collections: async () => [],
    partitions: async () => [partition],
    read: (_, options) => reading(Number(options.after ?? 0), options),
    close: async () => undefined
  }
}

describe('engine: readers that stand still', () => {
  it('goes on behind the last page with another reader', async () => {
    const begins: number[] = []
    const errors: DocferryError[] = []
    const stalling = source(async function* (after, { signal }) {
      begins.push(after)
      for (let number = after + 1; number <= 6; number++) {
        if (number === 4 && begins.length === 1) await untilAborted(signal)
        yield page(number)
      }
    })
    const found = await ids(watchReader(stalling, partition, { stallMs: 5, onRetry: error => errors.push(error) }))
    expect(found).to.deep.equal(['1', '2', '3', '4', '5', '6'])
    expect(begins).to.deep.equal([0, 3])
    expect(errors.map(({ code }) => code)).to.deep.equal(['DOCFERRY_CONNECT'])
  })

  it('leaves one that does not notice that it is left', async () => {
    let readers = 0
    const deaf = source(async function* (after) {
      if (++readers === 1) await new Promise(() => undefined)
      yield page(after + 1)
    })
    expect(await ids(watchReader(deaf, partition, { stallMs: 5 }))).to.deep.equal(['1'])
  })

  it('fails when three in a row give nothing', async () => {
    let readers = 0
    // eslint-disable-next-line require-yield
    const dead = source(async function* (_, { signal }) {
      readers++
      await untilAborted(signal)
    })
    const error = await ids(watchReader(dead, partition, { stallMs: 5 })).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_CONNECT', message: 'reading agents/1of1: firestore has given nothing for 0 s' })
    expect(readers).to.equal(3)
  })

  it('takes word of another try for a sign of life', async () => {
    let readers = 0
    const slow = source(async function* (_, { onRetry }) {
      readers++
      for (let tries = 0; tries < 10; tries++) {
        onRetry?.(new DocferryError('DOCFERRY_CONNECT', 'again'), 1)
        await new Promise(resolve => setTimeout(resolve, 4))
      }
      yield page(1)
    })
    expect(await ids(watchReader(slow, partition, { stallMs: 20 }))).to.deep.equal(['1'])
    expect(readers).to.equal(1)
  })

  it("throws a reader's own error as it is", async () => {
    // eslint-disable-next-line require-yield
    const failing = source(async function* () {
      await Promise.resolve()
      throw new DocferryError('DOCFERRY_READ', 'broken', { retryable: true })
    })
    expect(await ids(watchReader(failing, partition, { stallMs: 1_000 })).catch((thrown: unknown) => thrown)).to.include({
      message: 'broken'
    })
  })
})
