import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { readBackupLog } from '../../lib/formats/couchbackup-log.ts'
import { readCouchbackup } from '../../lib/formats/couchbackup.ts'
import type { CouchbackupOptions, PassedOver } from '../../lib/formats/couchbackup.ts'
import { openInput } from '../../lib/formats/open-input.ts'
import { losersOf } from '../../lib/formats/revisions.ts'
import { projectFolder } from '../../scripts/servers/tools.ts'
import { documentsOf, failing, idsOf, inChunks, readAll } from './bytes.ts'

const header = '{"name":"@cloudant/couchbackup","version":"2.11.12","mode":"full","attachments":false}\n'
const marker = '{"marker":"@cloudant/couchbackup:resume"}'

async function read(text: string, options: Partial<CouchbackupOptions> = {}) {
  let passed: PassedOver | undefined
  const reading = { name: 'x', collection: 'c', wanted: null, onPassedOver: (found: PassedOver) => (passed = found), ...options }
  const { pages, error } = await readAll(readCouchbackup(inChunks(text), reading))
  const rejects = pages.flatMap(page => page.rejects ?? [])
  const { code } = (error ?? {}) as { code?: string }
  return { pages, ids: idsOf(pages), documents: documentsOf(pages), rejects, code, passed }
}

/** Of one that couchbackup 2.11.12 made of a real CouchDB: 40 documents, a design document, an attachment, a deletion, two conflicts. */
const fixture = (name: string): Promise<string> => readFile(join(projectFolder(), 'spec/fixtures/couchbackup', name), 'utf8')

describe('formats: couchbackup', () => {
  it('reads a real backup that was broken off and resumed', async () => {
    const { documents, rejects, code, passed } = await read(await fixture('resumed.txt'), { batches: 5 })
    expect(documents).to.have.length(41)
    expect(new Set(documents.map(({ _id }) => _id)).size).to.equal(41)
    expect(documents.find(({ _id }) => _id === 'a001')).to.deep.include({ n: 'conflict', _rev: '1-zzz0' })
    expect(documents.map(({ _id }) => _id)).to.not.include('a002')
    expect(rejects).to.deep.equal([])
    expect(code).to.equal(undefined)
    expect(passed).to.include({ deleted: 1, conflicts: 2, broken: 1 })
  })

  it('reads a real shallow backup as the same documents', async () => {
    const [full, shallow] = [await read(await fixture('resumed.txt')), await read(await fixture('shallow.txt'))]
    expect(shallow.ids.sort()).to.deep.equal(full.ids.sort())
    expect(shallow.passed).to.include({ deleted: 0, conflicts: 0, broken: 0 })
  })

  it('reads backups of before version 2.10, which have no header, and backups with markers', async () => {
    for (const text of ['[{"_id":"1"}]\n[{"_id":"2"},{"_id":"3"}]\n', `${header}[{"_id":"1"}]\n${marker}\n\n[{"_id":"2"},{"_id":"3"}]\n`]) {
      const { ids, rejects, code } = await read(text)
      expect(ids).to.deep.equal(['1', '2', '3'])
      expect([rejects, code]).to.deep.equal([[], undefined])
    }
  })

  it('keeps fields as they are, for what comes behind to decide: revisions, attachments, long integers', async () => {
    const text =
      '[{"_id":"1","_rev":"1-a","_revisions":{"start":1,"ids":["a"]},"_attachments":{"t":{"data":"aGk="}},"n":12345678901234567890}]\n'
    const { documents } = await read(text)
    expect(documents).to.deep.equal([
      { _id: '1', _rev: '1-a', _revisions: { start: 1, ids: ['a'] }, _attachments: { t: { data: 'aGk=' } }, n: 12345678901234567890n }
    ])
  })

  it('goes on behind every cursor with exactly the rest, in the middle of a batch too, and counts on', async () => {
    const text = await fixture('resumed.txt')
    const whole = await read(text, { pageSize: 3 })
    for (const [index, { cursor }] of whole.pages.entries()) {
      const offset = (JSON.parse(cursor) as { offset: number }).offset
      for (const startsAt of [0, offset]) {
        const rest = await read(text.slice(startsAt), { after: cursor, startsAt, batches: 5 })
        expect(rest.ids).to.deep.equal(idsOf(whole.pages.slice(index + 1)))
        expect(rest.passed).to.include({ deleted: 1, conflicts: 2, broken: 1 })
        expect(rest.code).to.equal(undefined)
      }
    }
  })

  it('counts every byte of the file', async () => {
    const text = await fixture('shallow.txt')
    const { pages } = await read(text, { pageSize: 7 })
    const bytes = pages.reduce((sum, page) => sum + page.bytes, 0)
    expect(bytes).to.be.closeTo(text.length, 100)
  })

  it('tells a backup that is cut in a batch, behind the whole ones', async () => {
    const { ids, code } = await read(`${header}[{"_id":"1"}]\n[{"_id":"2"},{"_id":"3"`)
    expect(ids).to.deep.equal(['1'])
    expect(code).to.equal('DOCFERRY_FILE_CUT')
  })

  it('tells a backup that is cut between batches only by its log', async () => {
    const text = `${header}[{"_id":"1"}]\n`
    expect(await read(text)).to.include({ code: undefined })
    expect(await read(text, { batches: 2 })).to.include({ code: 'DOCFERRY_FILE_CUT' })
    expect(await read(text, { batches: 1 })).to.include({ code: undefined })
  })

  it('rejects a broken line that no marker explains, and elements that are no documents, with their places', async () => {
    const { ids, rejects } = await read(`${header}[{"_id":"1"\n[{"_id":"2"},{"id":"3"},4]\n{"a":1}\n`)
    expect(ids).to.deep.equal(['2'])
    expect(rejects[1]!.raw).to.equal('{"id":"3"}')
    expect(rejects.map(({ where, message }) => `${where}: ${message.slice(0, 14)}`)).to.deep.equal([
      'line 2, byte 87: not valid JSON',
      'line 3, byte 99, element 2: it has no _id',
      'line 3, byte 99, element 3: no JSON object',
      'line 4, byte 126: no array of do'
    ])
  })

  it('hands on an error of the input behind what was read before it', async () => {
    const reading = { name: 'x', collection: 'c', wanted: null }
    const { pages, error } = await readAll(readCouchbackup(failing('[{"_id":"1"}]\n[{"_id":"2"', new Error('no')), reading))
    expect(idsOf(pages)).to.deep.equal(['1'])
    expect((error as Error).message).to.equal('no')
  })

  it('takes the revision that CouchDB shows: alive, then longest, then greatest', () => {
    const revision = (_rev: string, more = {}) => ({ _id: 'a', _rev, ...more })
    const winner = (...elements: ReturnType<typeof revision>[]): unknown => elements.filter((_, index) => !losersOf(elements).has(index))
    const [low, high, long, gone] = [revision('9-a'), revision('9-b'), revision('10-a'), revision('11-z', { _deleted: true })]
    expect(winner(low, high)).to.deep.equal([high])
    expect(winner(high, low)).to.deep.equal([high])
    expect(winner(long, high)).to.deep.equal([long])
    expect(winner(gone, low)).to.deep.equal([low])
    expect(winner(low, gone, long, high)).to.deep.equal([long])
    expect([...losersOf([gone, low, high])]).to.deep.equal([
      [0, 'gone'],
      [1, 'conflict']
    ])
    expect([...losersOf([low, low])]).to.deep.equal([[1, 'gone']])
  })

  describe('recognised', () => {
    async function formatOf(text: string | Buffer, name = 'backup.txt', size?: number): Promise<string> {
      const input = await openInput(inChunks(text, size), { name })
      await input.close()
      return input.head.format
    }
    const line = '[{"_id":"1","_rev":"1-a","_revisions":{"start":1,"ids":["a"]}}]\n'

    it('by its header, by two lines of arrays, or by a single one with revisions, in pieces of every size', async () => {
      for (const text of [header, header + line, line, line.trim(), '[]\n[{"_id":"1"}]\n', `[{"_id":"1"}]\n${marker}\n`, gzipSync(line)])
        for (const size of [1, 7, 1000]) expect(await formatOf(text, 'x.json', size), text.toString()).to.equal('couchbackup')
    })

    it('and other files not for it', async () => {
      for (const text of ['[{"_id":"1"}]\n', '[\n{"_id":"1"}\n]', '[{"_id":"1"},\n{"_id":"2"}]', '[]', ' [ {"_id":"1"} ]'])
        expect(await formatOf(text), text).to.equal('json')
      expect(await formatOf('{"name":"x","version":"1","mode":"full"}\n{"_id":"1"}\n', 'x.ndjson')).to.equal('ndjson')
    })
  })

  describe('log', () => {
    it('tells what is done and what is missing', async () => {
      expect(await readBackupLog(inChunks(await fixture('resumed-log.txt'), 10))).to.deep.equal({
        changesComplete: true,
        done: 5,
        pending: []
      })
      expect(await readBackupLog(inChunks(':t batch0 [{"id":":d batch1"}]\n:t batch1 []\n:d batch1\n:d batch1'))).to.deep.equal({
        changesComplete: false,
        done: 1,
        pending: [0]
      })
    })
  })
})
