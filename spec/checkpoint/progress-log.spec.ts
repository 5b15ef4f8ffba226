import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Step } from '../../lib/checkpoint/checkpoint.ts'
import { ProgressLog, readProgress, removeProgress } from '../../lib/checkpoint/progress-log.ts'

const beginning = { number: 0, checksum: '' }
const step = (cursor: string): Step => ({ partition: 'p', cursor, counts: [] })

describe('checkpoint: progress log', () => {
  let folder: string
  const open: ProgressLog[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-progress-'))
  })
  afterEach(() => {
    for (const log of open.splice(0)) log.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const pathOf = (number: number): string => join(folder, `progress-${number}.ndjson`)
  const linesOf = (number: number): string[] => readFileSync(pathOf(number), 'utf8').split('\n').slice(0, -1)
  const read = async (first = 1): Promise<string[]> =>
    (await readProgress(folder, { runId: 'a', first })).steps.map(each => ('cursor' in each ? each.cursor : 'other'))
  const refusal = async (): Promise<Error> => {
    const error = await read().catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_STATE' })
    return error as Error
  }
  /** Logs of these steps, one behind the other. */
  const write = (...logs: string[][]): void => {
    let log: ProgressLog | undefined
    for (const cursors of logs) {
      log = log ? log.next() : ProgressLog.begin(folder, 'a', beginning)
      for (const cursor of cursors) log.add(step(cursor))
    }
    open.push(log!)
  }

  it('gives back every step, as soon as it was added', async () => {
    const log = ProgressLog.begin(folder, 'a', beginning)
    open.push(log)
    const steps: Step[] = [
      { collection: 'agents', prepared: { created: true, empty: true } },
      { partition: 'p', cursor: 'ö\n', counts: [{ source: 'agents', read: 3, written: 3 }] },
      { partition: 'p', done: true }
    ]
    for (const each of steps) log.add(each)
    expect((await readProgress(folder, { runId: 'a', first: 1 })).steps).to.deep.equal(steps)
  })

  it('can be read by its owner only', () => {
    write(['x'])
    expect(statSync(pathOf(1)).mode & 0o777).to.equal(0o600)
  })

  it('goes on in the log behind it', async () => {
    write(['a', 'b'], [], ['c'])
    expect(await read()).to.deep.equal(['a', 'b', 'c'])
    expect(await read(2)).to.deep.equal(['c'])
    expect(await read(4)).to.deep.equal([])
  })

  it('is gone on with by another process', async () => {
    write(['a'])
    const { end } = await readProgress(folder, { runId: 'a', first: 1 })
    const second = ProgressLog.begin(folder, 'a', end)
    open.push(second)
    second.add(step('b'))
    expect(readdirSync(folder).sort()).to.deep.equal(['progress-1.ndjson', 'progress-2.ndjson'])
    expect(await read()).to.deep.equal(['a', 'b'])
  })

  it('leaves out a last line that is torn, wherever it is torn, and goes on behind the one before', async () => {
    write(['a', 'b'])
    const whole = readFileSync(pathOf(1))
    const last = whole.lastIndexOf('\n', whole.length - 2) + 1
    for (let length = last; length < whole.length; length++) {
      writeFileSync(pathOf(1), whole.subarray(0, length))
      expect(await read(), `${length} bytes`).to.deep.equal(['a'])
    }
    const { end } = await readProgress(folder, { runId: 'a', first: 1 })
    const second = ProgressLog.begin(folder, 'a', end)
    open.push(second)
    second.add(step('c'))
    expect(await read()).to.deep.equal(['a', 'c'])
  })

  const damages: Record<string, (lines: string[]) => string[]> = {
    'is changed': lines => lines.map(line => line.replace('"b"', '"x"')),
    'is missing': lines => lines.filter(line => !line.includes('"b"')),
    'stands twice': lines => lines.flatMap(line => (line.includes('"cursor":"a"') ? [line, line] : [line])),
    'is no JSON': lines => lines.map(line => (line.includes('"b"') ? '\0\0\0' : line))
  }
  for (const [name, damage] of Object.entries(damages)) {
    it(`leaves out everything behind a line that ${name}, also in the logs behind it`, async () => {
      write(['a', 'b', 'c'], ['d'])
      writeFileSync(pathOf(1), `${damage(linesOf(1)).join('\n')}\n`)
      expect(await read()).to.deep.equal(['a'])
    })
  }

  it('leaves out what stands behind a log that has lost its end, is empty or missing', async () => {
    write(['a', 'b'], ['c'])
    writeFileSync(pathOf(1), `${linesOf(1).slice(0, -1).join('\n')}\n`)
    expect(await read()).to.deep.equal(['a'])
    writeFileSync(pathOf(1), '')
    expect(await read()).to.deep.equal([])
    rmSync(pathOf(1))
    expect(await read()).to.deep.equal([])
  })

  it('knows the log of another run, and names it', async () => {
    const other = join(folder, 'other')
    mkdirSync(other)
    open.push(ProgressLog.begin(other, 'b', beginning))
    copyFileSync(join(other, 'progress-1.ndjson'), pathOf(1))
    expect((await refusal()).message)
      .to.include(pathOf(1))
      .and.include('of another run, b')
  })

  it('takes no place that is taken', () => {
    write(['a'])
    expect(() => ProgressLog.begin(folder, 'a', beginning))
      .to.throw(pathOf(1))
      .with.property('code', 'DOCFERRY_STATE')
  })

  it('removes the logs that are not wanted, and nothing else', async () => {
    write(['a'], ['b'], ['c'])
    writeFileSync(join(folder, 'checkpoint.json'), '')
    await removeProgress(folder, number => number < 3)
    expect(readdirSync(folder).sort()).to.deep.equal(['checkpoint.json', 'progress-3.ndjson'])
    expect(existsSync(pathOf(3))).to.equal(true)
  })
})
