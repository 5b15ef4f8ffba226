import { copyFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { mergedSources } from '../../../lib/several/merge-sources.ts'
import { migrate } from '../../support/migrate.ts'
import { projectFolder } from '../../../scripts/servers/tools.ts'
import { items, makeExport } from './s3-folder.ts'
import { failure, readWhole, source, useFolder } from './support.ts'

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
      const { value: page } = (await opened.read(partition!, { after, pageSize: 4 })[Symbol.asyncIterator]().next()) as {
        value: { cursor: string; documents: readonly { _id: string }[] } | undefined
      }
      if (!page) break
      ids.push(...page.documents.map(({ _id }) => _id))
      after = page.cursor
    }
    expect(ids).to.deep.equal((await readWhole({ path: fixture('resumed.txt') }))['resumed']!.map(({ _id }) => _id))
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
