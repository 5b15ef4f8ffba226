import { copyFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { Page } from '../../../lib/types.ts'
import { mergedSources } from '../../../lib/several/merge-sources.ts'
import { migrate } from '../../support/migrate.ts'
import { projectFolder } from '../../../scripts/servers/tools.ts'
import { items, makeExport } from './s3-folder.ts'
import { failure, openFiles, pagesOf, readWhole, source, useFolder } from './support.ts'

const fixture = (name: string): string => join(projectFolder(), 'spec/fixtures/couchbackup', name)

describe('file: backups of couchbackup', () => {
  const path = useFolder()

  it('names the collection after the file, without what its name ends in, or as told', async () => {
    for (const [name, collection] of [
      ['animaldb.txt', 'animaldb'],
      ['animaldb.backup', 'animaldb'],
      ['animaldb', 'animaldb'],
      ['animaldb.json', 'animaldb']
    ] as const) {
      await copyFile(fixture('shallow.txt'), path(name))
      expect(Object.keys(await readWhole({ path: path(name) })), name).to.deep.equal([collection])
    }
    expect(Object.keys(await readWhole({ path: path('animaldb.txt'), collection: 'zoo' }))).to.deep.equal(['zoo'])
  })

  it('tells in the end what was left out, and that attachments are lost', async () => {
    await writeFile(path('zoo.txt.gz'), gzipSync(await readFile(fixture('resumed.txt'))))
    const report = await migrate({
      source: { connector: 'file', options: { path: path('zoo.txt.gz'), backupLog: fixture('resumed-log.txt') } },
      target: { connector: 'file', options: { path: path('out.ndjson') } }
    })
    expect(report.collections[0]).to.include({ source: 'zoo', read: 41, written: 40, filtered: 1, failed: 0 })
    expect(report.notes).to.include.members([
      'zoo: 1 deleted document of the backup left out: what is deleted is no document',
      'zoo: 2 conflicting revisions of the backup left out: the winning revision of each document is taken'
    ])
    expect(report.notes.join()).to.match(/zoo: 1 document has 1 attachment, which/)
    const out = await readFile(path('out.ndjson'), 'utf8')
    expect(out).to.not.match(/"_rev/)
  })

  it('tells it by its name where it is one of several sources', async () => {
    const { folder } = await makeExport(path('s3'), { files: [items('a')], table: 'zoo' })
    await rm(join(folder, 'manifest-files.md5'))
    const report = await migrate({
      source: mergedSources([
        { name: 'backup', endpoint: { connector: 'file', options: { path: fixture('resumed.txt'), collection: 'zoo' } } },
        { name: 'export', endpoint: { connector: 'file', options: { path: folder } } }
      ]),
      target: { connector: 'file', options: { path: path('out.ndjson') } }
    })
    expect(report.collections[0]).to.include({ source: 'zoo', read: 42, written: 41, filtered: 1 })
    expect(report.notes.filter(note => /^(?:backup|export): /.test(note))).to.have.length(4)
  })

  it('goes on in the middle of a file', async () => {
    const opened = await source({ path: fixture('resumed.txt') })
    const [partition] = await opened.partitions(null, { wanted: 1 })
    const ids: string[] = []
    let after: string | undefined
    for (;;) {
      let page: Page | undefined
      for await (page of opened.read(partition!, { after, pageSize: 4 })) break
      if (!page) break
      ids.push(...page.documents.map(({ _id }) => _id))
      after = page.cursor
    }
    expect(ids).to.deep.equal((await readWhole({ path: fixture('resumed.txt') }))['resumed']!.map(({ _id }) => _id))
    expect(openFiles()).to.not.include(fixture('resumed.txt'))
  })

  describe('with documents in several batches', () => {
    const header = '{"name":"@cloudant/couchbackup","version":"2.11.12","mode":"full","attachments":false}\n'
    const leaf = (_id: string, ids: readonly string[], more: object = {}) => ({
      _id,
      _rev: `${ids.length}-${ids[0]}`,
      _revisions: { start: ids.length, ids },
      ...more
    })
    const deleted = { _deleted: true }
    const backup = (...batches: readonly (readonly object[])[]): string =>
      header + batches.map(batch => `${JSON.stringify(batch)}\n`).join('')
    const moved = async (text: string) => {
      await writeFile(path('zoo.txt'), text)
      const report = await migrate({
        source: `file:${path('zoo.txt')}`,
        target: `file:${path('out.ndjson')}?force=true&documentsOnly=true`
      })
      const out = (await readFile(path('out.ndjson'), 'utf8')).trimEnd().split('\n')
      return { report, out: out.filter(line => line !== '').map(line => JSON.parse(line) as object) }
    }

    it('takes the winning revision, wherever it stands, and no document that is deleted by then', async () => {
      const first = [leaf('c', ['aa', 'z'], { n: 'old' }), leaf('gone', ['a'], { n: 'alive' }), leaf('d', ['bb', 'z'], { n: 'wins' })]
      const second = [leaf('c', ['cc', 'aa', 'z'], { n: 'new' }), leaf('gone', ['b', 'a'], deleted), leaf('d', ['aa', 'z'], { n: 'loses' })]
      for (const batches of [
        [first, [leaf('x', ['a'])], second],
        [second, first]
      ]) {
        const { report, out } = await moved(backup(...batches))
        expect(
          out.filter(document => '_id' in document && document._id !== 'x').sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
        ).to.deep.equal([
          { _id: 'c', n: 'new' },
          { _id: 'd', n: 'wins' }
        ])
        expect(report.notes.join()).to.include('3 older revisions of the backup left out: another batch')
      }
    })

    it('takes what lives beside a deletion in another branch', async () => {
      const before = [leaf('a', ['x'], { n: 'lives' }), leaf('a', ['y', 'w'], { n: 'was' })]
      const after = [leaf('a', ['x'], { n: 'lives' }), leaf('a', ['z', 'y', 'w'], deleted)]
      for (const batches of [
        [before, after],
        [after, before]
      ])
        expect((await moved(backup(...batches))).out).to.deep.equal([{ _id: 'a', n: 'lives' }])
    })

    it('takes a higher revision for the newer one where no history is told', async () => {
      const batches = [[{ _id: 'a', _rev: '10-a', n: 1 }], [{ _id: 'a', _rev: '11-b', ...deleted }], [{ _id: 'a', _rev: '9-c', n: 0 }]]
      expect((await moved(backup(...batches))).out).to.deep.equal([])
    })

    it('writes no older one in the place of one that is no document for the target', async () => {
      const attached = { _attachments: { t: { data: 'aGk=' } } }
      const text = backup([leaf('a', ['b', 'a'], attached)], [leaf('a', ['a'], { n: 'old' })])
      expect(JSON.stringify((await moved(text)).out)).to.not.include('old')
    })

    it('does not go on behind what a whole file overrules of one that was cut', async () => {
      const text = backup([leaf('a', ['a'], { n: 'old' })], [leaf('b', ['b'])], [leaf('a', ['b', 'a'], { n: 'new' })])
      const options = { path: path('zoo.txt') }
      await writeFile(options.path, text.slice(0, -10))
      const cut = await source(options)
      const [partition] = await cut.partitions(null, { wanted: 1 })
      const pages: Page[] = []
      const readCut = async (): Promise<void> => {
        for await (const page of cut.read(partition!, { pageSize: 1 })) pages.push(page)
      }
      expect((await failure(readCut())).code).to.equal('DOCFERRY_FILE_CUT')
      expect(pages.flatMap(({ documents }) => documents.map(({ _id }) => _id))).to.include('a')
      await writeFile(options.path, text)
      const error = await failure(pagesOf(await source(options), partition!, { after: pages.at(-1)!.cursor }))
      expect(error.code).to.equal('DOCFERRY_DECODE')
      expect(error.message).to.include('is not the file that was begun with')
      expect(openFiles()).to.not.include(options.path)
    })

    it('says of a stream that it was not looked at', async () => {
      const stdin = Readable.from([Buffer.from(backup([leaf('a', ['a'])], [leaf('a', ['b', 'a']), leaf('b', ['b'])]))])
      const opened = await source({ path: '-', stdin, collection: 'zoo' })
      const [partition] = await opened.partitions(['zoo'], { wanted: 1 })
      await pagesOf(opened, partition!)
      expect(opened.notes!().join()).to.match(/^zoo: 1 document stands in several batches.*Store the backup in a file/)
    })
  })

  it('is refused where its log says that it is not whole', async () => {
    const log = await readFile(fixture('resumed-log.txt'), 'utf8')
    await writeFile(path('pending.log'), log.replace(':d batch3\n', ''))
    await writeFile(path('changes.log'), log.replace(/^:changes_complete.*\n/m, ''))
    await writeFile(path('more.log'), `${log}:t batch5 []\n:d batch5\n`)
    for (const [name, message] of [
      ['pending.log', /batches 3 are missing.*--resume true/],
      ['changes.log', /broken off before/],
      ['more.log', /should hold 6 batches, by its log, and holds 5/]
    ] as const) {
      const error = await failure(readWhole({ path: fixture('resumed.txt'), backupLog: path(name) }))
      expect(error.code, name).to.equal('DOCFERRY_FILE_CUT')
      expect(error.message).to.match(message)
    }
    expect((await failure(source({ path: fixture('resumed.txt'), backupLog: path('none') }))).code).to.equal('DOCFERRY_CONFIG')
  })
})
