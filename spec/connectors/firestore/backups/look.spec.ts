import { expect } from 'chai'
import { DocumentLook } from '../../../../lib/connectors/firestore/backups/look.ts'
import { createSilentServer, listen, listeningLogger, openTarget, ownProject, thrownBy, writeAll } from '../support.ts'

describe('firestore: looking for documents', () => {
  it('finds those of a collection, and those of any', async () => {
    const options = await ownProject()
    const look = new DocumentLook(options, listeningLogger())
    expect(await look.holds(undefined, {})).to.equal(false)
    const target = await openTarget(options)
    await writeAll(target, 'agents', [{ _id: 'a' }])
    await target.close()
    expect(await look.holds(undefined, {})).to.equal(true)
    expect(await look.holds('agents', {})).to.equal(true)
    expect(await look.holds('runs', {})).to.equal(false)
    await look.close()
  })

  it('fails where nothing answers, and does not call the collection empty', async () => {
    const silent = createSilentServer()
    const emulator = await listen(silent)
    const look = new DocumentLook({ project: 'p', emulator, timeoutMs: 1_000 }, listeningLogger())
    expect((await thrownBy(look.holds('agents', {}))).code).to.equal('DOCFERRY_CONNECT')
    await look.close()
    silent.close()
  })
})
