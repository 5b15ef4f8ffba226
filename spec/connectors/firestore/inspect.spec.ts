import { expect } from 'chai'
import { firestoreConnector } from '../../../lib/connectors/firestore/index.ts'
import { silentLogger } from '../../../lib/open.ts'
import { isolatedProject, servers } from '../../support/servers.ts'

describe('firestore: inspect', function () {
  this.timeout(20_000)

  it('tells the clock by the time of a read', async () => {
    const { host: emulator } = await servers.firestore()
    const options = { project: isolatedProject(), emulator }
    const { clock, version } = await firestoreConnector.inspect!(options, { logger: silentLogger }, { end: 'source' })
    expect(version).to.equal("Firestore's emulator")
    expect(Math.abs(clock!.server.getTime() - clock!.after.getTime())).to.be.lessThan(5_000)
  })
})
