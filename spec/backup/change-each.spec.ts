import { expect } from 'chai'
import type { Backup, BackupService } from '../../lib/contracts/backup.ts'
import { changeEach, checkEach } from '../../lib/backup/change-each.ts'
import { DocferryError } from '../../lib/errors.ts'
import type { ErrorCode } from '../../lib/errors.ts'
import { scriptedBackups } from '../support/scripted-backups.ts'

const ids = ['a', 'b', 'c']
const available = (id: string): Backup => ({ id, kind: 'backup', state: 'available' })
const looks = Object.fromEntries(ids.map(id => [id, [available(id)]]))

/** `remove` fails with this for one id. */
function refusing(id: string, code: ErrorCode): Partial<BackupService> {
  return {
    async remove(asked) {
      if (asked === id) throw new DocferryError(code, `${code} of ${asked}`)
      return { ...available(asked), state: 'deleted' }
    }
  }
}

async function deleted(methods: Partial<BackupService>): Promise<readonly Backup[]> {
  const { service } = scriptedBackups({ looks, methods })
  const seen: (readonly Backup[])[] = []
  const done = await changeEach(service, 'delete', ids, { signal: undefined, see: all => seen.push(all) })
  expect(seen.at(-1)).to.deep.equal(done)
  return done
}

const thrown = async (work: Promise<unknown>): Promise<DocferryError> =>
  await work.then(
    () => expect.fail('nothing was thrown'),
    (error: unknown) => error as DocferryError
  )

describe('backup: changing several', () => {
  it('deletes none where one of them can not be deleted, and says which', async () => {
    const no = new DocferryError('DOCFERRY_CONFIG', 'that is no backup')
    const { service, calls } = scriptedBackups({ looks: { ...looks, b: [no] } })
    const error = await thrown(changeEach(service, 'delete', ids, { signal: undefined, see: () => undefined }))
    expect(error).to.include({ code: 'DOCFERRY_CONFIG', message: 'that is no backup (b; nothing was deleted)' })
    expect(calls).to.deep.equal(['status a', 'status b'])
  })

  it('tells what can be changed, each once', async () => {
    const { service } = scriptedBackups({ looks })
    expect(await checkEach(service, 'cancel', ['a', 'b', 'a'], undefined)).to.deep.equal([available('a'), available('b')])
  })

  it('deletes the others where one is refused in the middle', async () => {
    const done = await deleted(refusing('b', 'DOCFERRY_BACKUP'))
    expect(done.map(({ state }) => state)).to.deep.equal(['deleted', 'failed', 'deleted'])
    expect(done[1]!.message).to.equal('not deleted: DOCFERRY_BACKUP of b')
  })

  it('stops where no other would be taken either, and tells of each what is known', async () => {
    const done = await deleted(refusing('b', 'DOCFERRY_CONNECT'))
    expect(done.map(({ state }) => state)).to.deep.equal(['deleted', 'failed', 'failed'])
    expect(done[1]!.message).to.include('is not known')
    expect(done[2]!.message).to.equal('not deleted: DOCFERRY_CONNECT of b')
  })

  it('throws where the first is refused, for then nothing was changed', async () => {
    expect(await thrown(deleted(refusing('a', 'DOCFERRY_PERMISSION')))).to.include({ code: 'DOCFERRY_PERMISSION' })
  })

  it('begins no other after an interruption', async () => {
    const controller = new AbortController()
    const remove = async (id: string): Promise<Backup> => {
      controller.abort(new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted'))
      return { ...available(id), state: 'deleted' }
    }
    const { service } = scriptedBackups({ looks, methods: { remove } })
    const done = await changeEach(service, 'delete', ids, { signal: controller.signal, see: () => undefined })
    expect(done.map(({ state }) => state)).to.deep.equal(['deleted', 'failed', 'failed'])
  })
})
