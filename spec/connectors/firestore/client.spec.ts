import { writeFile, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { firestoreConnector } from '../../../lib/connectors/firestore/index.ts'
import { createSilentServer, listen, listeningLogger, openSource, openTarget, ownProject, thrownBy } from './support.ts'

describe('firestore: client', () => {
  it('fails within seconds where nothing listens', async () => {
    const server = createServer()
    const emulator = await listen(server)
    server.close()
    const started = performance.now()
    const error = await thrownBy(openSource({ project: 'p', emulator }))
    expect(error.code).to.equal('DOCFERRY_CONNECT')
    expect(error.message).to.contain(emulator).and.contain('ECONNREFUSED')
    expect(performance.now() - started).to.be.below(10_000)
  })

  it('fails within seconds where something listens and never answers', async () => {
    const server = createSilentServer()
    const emulator = await listen(server)
    const started = performance.now()
    expect((await thrownBy(openTarget({ project: 'p', emulator }))).code).to.equal('DOCFERRY_CONNECT')
    expect(performance.now() - started).to.be.below(12_000)
    server.close()
  })

  it('gives up opening when aborted, with the reason', async () => {
    const server = createSilentServer()
    const emulator = await listen(server)
    const reason = new Error('enough')
    const controller = new AbortController()
    const opening = firestoreConnector.openSource({ project: 'p', emulator }, { logger: listeningLogger(), signal: controller.signal })
    setTimeout(() => controller.abort(reason), 50)
    expect(await thrownBy(opening)).to.equal(reason)
    server.close()
  })

  it('takes a ready client, and leaves it open', async () => {
    const options = await ownProject()
    let closed = 0
    const opened = await openSource(options)
    await opened.close()
    const { connect } = await import('../../../lib/connectors/firestore/client.ts')
    const stub = await readyStub(options.emulator!)
    const client = { initialize: () => Promise.resolve(stub), close: () => Promise.resolve(void closed++) }
    const connection = await connect({ ...options, client }, { logger: listeningLogger() })
    await connection.close()
    expect(closed).to.equal(0)
  })

  describe('with a key file', () => {
    let folder: string

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'docferry-'))
    })
    after(() => rm(folder, { recursive: true }))

    it('says so when it is missing', async () => {
      const error = await thrownBy(openSource({ project: 'p', credentials: join(folder, 'none.json') }))
      expect(error.code).to.equal('DOCFERRY_AUTH')
      expect(error.message).to.contain('none.json')
    })

    it('never quotes it', async () => {
      const path = join(folder, 'bad.json')
      await writeFile(path, 'SECRET{"private_key":"SECRET"')
      const error = await thrownBy(openSource({ project: 'p', credentials: path }))
      expect(error).to.include({ code: 'DOCFERRY_AUTH' })
      expect(error.message).not.to.contain('SECRET')
    })

    it('refuses one that is no credentials', async () => {
      const path = join(folder, 'empty.json')
      await writeFile(path, '{"project_id":"p"}')
      expect((await thrownBy(openSource({ credentials: path }))).code).to.equal('DOCFERRY_AUTH')
    })

    it('needs a project from somewhere', async () => {
      const path = join(folder, 'nameless.json')
      await writeFile(path, '{"type":"service_account"}')
      expect((await thrownBy(openSource({ credentials: path }))).code).to.equal('DOCFERRY_CONFIG')
    })
  })
})

/** The gRPC stub of the vendor's own client, made as a library user makes it. */
async function readyStub(host: string): Promise<unknown> {
  const { createRequire } = await import('node:module')
  const here = createRequire(import.meta.url)
  const { v1 } = here('@google-cloud/firestore') as { v1: { FirestoreClient: new (options: object) => { initialize(): Promise<unknown> } } }
  const gax = createRequire(here.resolve('@google-cloud/firestore'))('google-gax') as {
    grpc: { credentials: { createInsecure(): unknown } }
    googleAuthLibrary: { PassThroughClient: new () => unknown }
  }
  const [servicePath, port] = host.split(':')
  const client = new v1.FirestoreClient({
    servicePath,
    port: Number(port),
    sslCreds: gax.grpc.credentials.createInsecure(),
    authClient: new gax.googleAuthLibrary.PassThroughClient(),
    fallback: false
  })
  return client.initialize()
}
