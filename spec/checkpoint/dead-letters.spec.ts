import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { DeadLetters, trimDeadLetters } from '../../lib/checkpoint/dead-letters.ts'
import type { DeadLetter } from '../../lib/engine/dead-letter.ts'

const letter = (id: string, partition: string, mark: number): DeadLetter => ({
  collection: 'agents',
  id,
  at: 'write',
  code: 'DOCFERRY_BAD_ID',
  message: 'no',
  document: { _id: id, text: 'ä\u2028\n', big: 12345678901234567890n },
  partition,
  mark
})

describe('checkpoint: dead letters', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-letters-'))
    path = join(folder, 'run', 'dead-letters.ndjson')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const keep = async (...letters: readonly DeadLetter[]): Promise<void> => {
    const file = new DeadLetters(path)
    for (const each of letters) await file.add(each)
    await file.close()
  }
  const ids = (): string[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map(line => (JSON.parse(line) as { id: string }).id)

  it('makes no file without a letter', async () => {
    await keep()
    expect(existsSync(path)).to.equal(false)
  })

  it('goes on behind the letters that are there, and keeps them from others', async () => {
    await keep(letter('a', 'p', 0))
    await keep(letter('b', 'p', 1))
    expect(ids()).to.deep.equal(['a', 'b'])
    expect(statSync(path).mode & 0o777).to.equal(0o600)
  })

  it('says of letters that do not come to disk that they don’t, and then is quiet', async () => {
    mkdirSync(dirname(path))
    symlinkSync('/dev/full', path)
    const file = new DeadLetters(path)
    const thrown = await file.add(letter('a', 'p', 0)).catch((error: unknown) => error)
    expect(thrown).to.include({ code: 'DOCFERRY_STATE' })
    await file.close()
  })

  it('syncs where there is something to sync', async () => {
    const file = new DeadLetters(path)
    await file.sync()
    expect(existsSync(path)).to.equal(false)
    void file.add(letter('a', 'p', 0))
    await file.sync()
    expect(ids()).to.deep.equal(['a'])
    await file.close()
  })

  it('keeps the letters that are wanted, byte for byte, in their order', async () => {
    await keep(letter('a', 'p', 0), letter('b', 'q', 0), letter('c', 'p', 1), letter('d', 'q', 1))
    const lines = readFileSync(path, 'utf8').split('\n')
    const count = await trimDeadLetters(path, ({ partition, mark }) => partition === 'p' || mark === 0)
    expect(count).to.equal(3)
    expect(readFileSync(path, 'utf8')).to.equal(`${[lines[0], lines[1], lines[2]].join('\n')}\n`)
    expect(statSync(path).mode & 0o777).to.equal(0o600)
    expect(readdirSync(join(folder, 'run'))).to.deep.equal(['dead-letters.ndjson'])
  })

  it('drops a last line that is cut off, so that what comes next stands on a line of its own', async () => {
    await keep(letter('a', 'p', 0), letter('b', 'p', 0))
    writeFileSync(path, readFileSync(path).subarray(0, -20))
    expect(await trimDeadLetters(path, () => true)).to.equal(1)
    await keep(letter('c', 'p', 1))
    expect(ids()).to.deep.equal(['a', 'c'])
  })

  it('removes a file of which nothing is wanted', async () => {
    await keep(letter('a', 'p', 0))
    expect(await trimDeadLetters(path, () => false)).to.equal(0)
    expect(readdirSync(join(folder, 'run'))).to.deep.equal([])
  })

  it('has nothing to do where there is no file', async () => {
    expect(await trimDeadLetters(path, () => true)).to.equal(0)
    expect(readdirSync(folder)).to.deep.equal([])
  })

  it('replaces what a killed trimming left', async () => {
    await keep(letter('a', 'p', 0))
    appendFileSync(`${path}.partial`, 'half')
    expect(await trimDeadLetters(path, () => true)).to.equal(1)
    expect(ids()).to.deep.equal(['a'])
  })
})
