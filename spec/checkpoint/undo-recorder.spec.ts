import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { UndoJournal } from '../../lib/checkpoint/undo-journal.ts'
import { undoModeFor, UndoRecorder } from '../../lib/checkpoint/undo-recorder.ts'
import type { Outgoing } from '../../lib/engine/outgoing.ts'
import type { WriteBatchOptions } from '../../lib/engine/batch-job.ts'
import { openTarget } from '../../lib/open.ts'
import type { Document, OnConflict, UndoMode, WriteOutcome } from '../../lib/types.ts'
import { scriptedTarget } from '../support/scripted-connector.ts'
import type { ScriptedTarget } from '../support/scripted-connector.ts'

const batch = (...ids: string[]): Outgoing[] =>
  ids.map(_id => ({ document: { _id, version: 'ours' }, encoded: { id: _id, bytes: 10, payload: { _id } } }))

describe('undo recorder', () => {
  let folder: string
  let journal: UndoJournal
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-undo-'))
    journal = new UndoJournal(join(folder, 'undo.ndjson'))
  })
  afterEach(async () => {
    await journal.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const recorder = async (
    mode: Exclude<UndoMode, 'none'>,
    onConflict: OnConflict,
    held: Document[] = [],
    script: Partial<ScriptedTarget> = {}
  ): Promise<UndoRecorder> => {
    const target = await openTarget(scriptedTarget({ provider: 'couchdb', held: { agents: held }, ...script }).endpoint)
    return new UndoRecorder({ target, journal, mode, onConflict })
  }
  const sendAll =
    (items: readonly Outgoing[]) =>
    ({ send }: Pick<WriteBatchOptions, 'send'>) =>
      send!(items, new AbortController().signal)
  const ids = (): string[] => {
    let text = ''
    try {
      text = readFileSync(journal.path, 'utf8')
    } catch (error) {
      expect(error).to.include({ code: 'ENOENT' })
    }
    return [...text.matchAll(/"id":"([^"]*)"/g)].map(([, id]) => id!)
  }
  const written: WriteOutcome[] = ['written', 'written']

  it('has what is written into an empty collection in the journal before it is written', async () => {
    const undo = await recorder('created', 'overwrite')
    undo.startsEmpty('agents')
    await undo.record('agents', batch('a', 'b'), async () => {
      expect(ids()).to.deep.equal(['a', 'b'])
      return written
    })
    expect(ids()).to.deep.equal(['a', 'b'])
  })

  it('has what is replaced in the journal before it is written, and nothing for a document that stays as it is', async () => {
    const held = [
      { _id: 'a', version: 'theirs' },
      { _id: 'b', version: 'ours' }
    ]
    const before: string[][] = []
    const note = (): void => void before.push(ids())
    const undo = await recorder('all', 'overwrite', held, { beforeChange: note, beforeWrite: note })
    const items = batch('a', 'b', 'c')
    expect(await undo.record('agents', items, sendAll(items))).to.deep.equal(['written', 'written', 'written'])
    expect(before).to.deep.equal([
      ['a', 'c'],
      ['a', 'c']
    ])
    expect(readFileSync(journal.path, 'utf8')).to.include('"before":{"_id":"a","version":"theirs"}')
  })

  it('keeps only what was surely made where the collection held something', async () => {
    const undo = await recorder('created', 'skip')
    const refused: WriteOutcome = { code: 'DOCFERRY_REFUSED', message: 'no', retryable: false }
    await undo.record('agents', batch('new', 'skipped', 'refused', 'equal'), async ({ onOwn }) => {
      expect(ids()).to.deep.equal([])
      onOwn!(3, true)
      return ['written', 'skipped', refused, 'written']
    })
    expect(ids()).to.deep.equal(['new'])
  })

  it('keeps nothing of an overwrite that is not to be undone', async () => {
    await (await recorder('created', 'overwrite')).record('agents', batch('a', 'b'), async () => written)
    expect(ids()).to.deep.equal([])
  })

  it('keeps each once where what is missing is looked up first', async () => {
    const undo = await recorder('all', 'skip', [{ _id: 'a' }])
    await undo.record('agents', batch('a', 'b'), async () => ['skipped', 'written'])
    expect(ids()).to.deep.equal(['b'])
  })

  it('takes back what it has said of a document that somebody else made meanwhile', async () => {
    const notMade = '{"in":"agents","id":"theirs","made":false}\n'
    const conflict: WriteOutcome = { code: 'DOCFERRY_CONFLICT', message: 'there already', retryable: false }
    const empty = await recorder('created', 'fail')
    empty.startsEmpty('agents')
    await empty.record('agents', batch('theirs', 'ours'), async () => [conflict, 'written'])
    expect(readFileSync(journal.path, 'utf8').endsWith(notMade)).to.equal(true)
    const looking = await recorder('all', 'skip', [{ _id: 'held' }])
    await looking.record('agents', batch('held', 'ours', 'theirs'), async () => ['skipped', 'written', 'skipped'])
    expect(readFileSync(journal.path, 'utf8').endsWith(notMade)).to.equal(true)
    expect(readFileSync(journal.path, 'utf8')).to.not.include('"id":"held"')
  })

  it('takes no design document for new because the database holds nothing else', async () => {
    const undo = await recorder('all', 'overwrite', [{ _id: '_design/views', version: 'theirs' }])
    undo.startsEmpty('agents')
    const items = batch('_design/views', 'a')
    await undo.record('agents', items, sendAll(items))
    expect(readFileSync(journal.path, 'utf8')).to.include('"before":{"_id":"_design/views"')
  })

  it('says that an end cannot be undone, and only where that is asked for', async () => {
    const file = await openTarget(join(folder, 'out.ndjson'))
    try {
      expect(undoModeFor(file)).to.equal('none')
      expect(undoModeFor(file, 'created')).to.equal('none')
      expect(() => undoModeFor(file, 'all')).to.throw('--undoable is for a database')
    } finally {
      await file.close()
    }
  })
})
