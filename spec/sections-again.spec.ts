import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { migrate } from '../lib/run.ts'
import { DigestSum } from '../lib/values/index.ts'
import type { Document } from '../lib/values/index.ts'

describe('an export whose sections come again', () => {
  let folder: string
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'docferry-sections-'))))
  after(() => rmSync(folder, { recursive: true, force: true }))

  const input = (): string => join(folder, 'in.ndjson')

  /** `a` has two documents of one id in its first section, and one of them again in its second. */
  function write(): void {
    const sections: [string, string[]][] = [
      ['a', ['1', '2', '2']],
      ['b', ['1']],
      ['a', ['2', '3', '3']],
      ['b', ['4']]
    ]
    const sums = { a: new DigestSum(), b: new DigestSum() }
    const counts = { a: 0, b: 0 }
    const lines = sections.flatMap(([name, ids]) => [
      JSON.stringify({ $collection: name }),
      ...ids.map(id => {
        const document: Document = { _id: id }
        sums[name as 'a'].add(document)
        counts[name as 'a']++
        return JSON.stringify(document)
      })
    ])
    const header = JSON.stringify({ $docferry: 1, metadata: { provider: 'memory', collections: ['a', 'b'] } })
    const end = JSON.stringify({ $end: { counts, digest: { a: sums.a.hex(), b: sums.b.hex() } } })
    writeFileSync(input(), [header, ...lines, end, ''].join('\n'))
  }

  for (const maxRate of [undefined, 100_000]) {
    it(`is moved whole, ${maxRate === undefined ? 'packed' : 'document by document'}`, async () => {
      write()
      const output = join(folder, `out-${maxRate ?? 'packed'}.ndjson`)
      const report = await migrate({
        source: `file:${input()}`,
        target: `file:${output}`,
        stateDir: join(folder, 'state'),
        ...(maxRate !== undefined && { maxRate })
      })
      expect(report.collections.map(({ source, written }) => [source, written])).to.deep.equal([
        ['a', 6],
        ['b', 2]
      ])
      expect(readFileSync(output, 'utf8').match(/"_id"/g)).to.have.length(8)
      expect(report.notes.join('\n')).to.match(/a: 3 documents have an id that came before in the source; the file/)
    })
  }

  it('can not become a .json file, which holds a collection in one place: it is told what to do', async () => {
    write()
    const error = await migrate({
      source: `file:${input()}`,
      target: `file:${join(folder, 'out.json')}`,
      stateDir: join(folder, 'state')
    }).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
    expect((error as Error).message).to.include('write .ndjson or a folder')
  })
})
