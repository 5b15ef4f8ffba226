import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { SortedLines } from '../../lib/verify/sorted-lines.ts'

interface Line {
  readonly n: number
  readonly text: string
}

describe('verify: sorted lines', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-sorted-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const makeFolder = () => Promise.resolve(folder)
  const compare = (a: Line, b: Line): number => a.n - b.n
  const shuffled = (count: number): Line[] => Array.from({ length: count }, (_, at) => ({ n: (at * 7919) % count, text: 'line\u2028\n' }))
  const sort = async (lines: readonly Line[], limits: { readonly atOnce?: number; readonly fanIn?: number }) => {
    const sorted = new SortedLines<Line>({ compare, makeFolder, ...limits })
    let mostPieces = 0
    for (const line of lines) {
      sorted.add(line)
      await sorted.drained()
      mostPieces = Math.max(mostPieces, readdirSync(folder).length)
    }
    let text = ''
    for await (const part of sorted.texts()) text += part
    return { text, mostPieces }
  }
  const inOrder = (count: number): string =>
    Array.from({ length: count }, (_, n) => `${JSON.stringify({ n, text: 'line\u2028\n' })}\n`).join('')

  it('keeps a few lines in memory', async () => {
    expect(await sort(shuffled(2_500), {})).to.deep.equal({ text: inOrder(2_500), mostPieces: 0 })
  })

  it('puts lines in order of which only a part fits into memory', async () => {
    const { text, mostPieces } = await sort(shuffled(2_500), { atOnce: 5_000, fanIn: 4 })
    expect(text).to.equal(inOrder(2_500))
    expect(mostPieces).to.be.within(4, 16)
  })

  it('takes what comes from several sides at once', async () => {
    const sorted = new SortedLines<Line>({ compare, makeFolder, atOnce: 2_000, fanIn: 2 })
    const lines = shuffled(1_000)
    const side = async (remainder: number): Promise<void> => {
      for (const line of lines.filter(({ n }) => n % 3 === remainder)) {
        sorted.add(line)
        await sorted.drained()
      }
    }
    await Promise.all([0, 1, 2].map(side))
    let text = ''
    for await (const part of sorted.texts()) text += part
    expect(text).to.equal(inOrder(1_000))
  })

  it('gives lines that compare as equal in the order of their texts', async () => {
    const lines = ['b', 'a', 'c'].map(text => ({ n: 1, text }))
    expect((await sort(lines, {})).text).to.equal((await sort(lines.toReversed(), { atOnce: 1 })).text)
  })

  it('makes pieces that only their owner can read', async () => {
    await sort(shuffled(100), { atOnce: 1_000 })
    const modes = readdirSync(folder).map(name => statSync(join(folder, name)).mode & 0o777)
    expect(new Set(modes)).to.deep.equal(new Set([0o600]))
  })
})
