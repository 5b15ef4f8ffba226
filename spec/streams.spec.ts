import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { DocferryError } from '../lib/errors.ts'
import { silentLogger } from '../lib/open.ts'
import { createReadStream, createWriteStream, toTransform } from '../lib/streams.ts'
import { strip } from '../lib/stages/index.ts'
import type { WriteStreamOptions } from '../lib/streams.ts'
import type { Connector, Document } from '../lib/types.ts'
import { scriptedSource, scriptedTarget } from './support/scripted-connector.ts'

const documents = (count: number): Document[] => Array.from({ length: count }, (_, i) => ({ _id: `d${i}`, n: i, secret: 'x' }))

async function failure(work: Promise<unknown>): Promise<DocferryError> {
  return (await work.then(
    () => new Error('it did not fail'),
    (error: Error) => error
  )) as DocferryError
}

describe('streams', () => {
  it('say how many documents of a file share an id', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'docferry-streams-'))
    const warnings: string[] = []
    const logger = { ...silentLogger, warn: (_: object, message: string) => void warnings.push(message) }
    try {
      const path = join(folder, 'x.ndjson')
      const writer = createWriteStream(path, 'a', { logger })
      await pipeline(Readable.from([{ _id: '1', n: 1 }, { _id: '2' }, { _id: '1', n: 2 }]), writer)
      expect(readFileSync(path, 'utf8').match(/"_id":"1"/g)).to.have.length(2)
      expect(warnings).to.deep.equal(['1 document has an id that came before; a holds them all, and importing it keeps one of each'])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('compose with pipeline(), with each other and with a Transform of anyone', async () => {
    const target = scriptedTarget()
    const writer = createWriteStream(target.endpoint, 'copies')
    const doubled = new Transform({
      objectMode: true,
      transform: (document: Document, _, callback) => callback(null, { ...document, n: Number(document['n']) * 2 })
    })
    await pipeline(
      createReadStream(scriptedSource({ collections: { a: documents(250) } }), 'a'),
      toTransform([strip(['secret'])]),
      doubled,
      writer
    )
    expect(target.collections.get('copies')?.size).to.equal(250)
    expect(target.collections.get('copies')?.get('d7')).to.deep.equal({ _id: 'd7', n: 14 })
    expect(writer.counts).to.include({ read: 250, written: 250, skipped: 0, failed: 0 })
    expect(target).to.include({ committed: true, closed: true })
  })

  it('say of their counts whether these are final', async () => {
    const target = scriptedTarget()
    const writer = createWriteStream(target.endpoint, 'a')
    const states: string[] = [writer.counts.state]
    const watched = toTransform([{ name: 'watched', apply: document => (states.push(writer.counts.state), document) }])
    await pipeline(Readable.from(documents(250)), watched, writer)
    expect([...new Set([...states, writer.counts.state])]).to.deep.equal(['waiting', 'running', 'done'])
    const cut = createWriteStream(target.endpoint, 'b')
    await failure(pipeline(Readable.from(documents(20)), toTransform([{ name: 'odd', apply: () => ({}) as Document }]), cut))
    await new Promise<void>(resolve => (cut.closed ? resolve() : cut.once('close', resolve)))
    expect(cut.counts.state).to.equal('stopped')
  })

  it('read as an async iterable', async () => {
    const ids: string[] = []
    for await (const { _id } of createReadStream(scriptedSource({ collections: { a: documents(25) } }), 'a') as AsyncIterable<Document>)
      ids.push(_id)
    expect(ids).to.deep.equal(documents(25).map(({ _id }) => _id))
  })

  it('close the source when the reader leaves early', async () => {
    let left = false
    const source = scriptedSource({ collections: { a: documents(100) }, beforePage: (_, page) => void (left = page > 3) })
    for await (const document of createReadStream(source, 'a') as AsyncIterable<Document>) if (document._id === 'd15') break
    expect(left).to.equal(false)
  })

  it('fail for a collection that does not exist', async () => {
    const error = await failure(createReadStream(scriptedSource({ collections: { a: [] } }), 'b').toArray())
    expect(error.code).to.equal('DOCFERRY_NO_SUCH_COLLECTION')
  })

  it('fail on what is no document, unless somebody takes it', async () => {
    const source = (): ReturnType<typeof scriptedSource> =>
      scriptedSource({
        collections: { a: documents(2) },
        rejects: [{ code: 'DOCFERRY_BAD_DOCUMENT', message: 'not valid JSON', where: 'line 3' }]
      })
    expect((await failure(createReadStream(source(), 'a').toArray())).code).to.equal('DOCFERRY_BAD_DOCUMENT')
    const taken: string[] = []
    expect(await createReadStream(source(), 'a', { onReject: ({ where }) => taken.push(where) }).toArray()).to.have.length(2)
    expect(taken).to.deep.equal(['line 3'])
  })

  it('fail in the end when documents could not be written, with all others written', async () => {
    const target = scriptedTarget({
      refuse: ({ _id }) => (_id === 'd3' ? { code: 'DOCFERRY_TOO_LARGE', message: 'too large' } : undefined)
    })
    const error = await failure(pipeline(Readable.from(documents(20)), createWriteStream(target.endpoint, 'a')))
    expect(error.code).to.equal('DOCFERRY_DEAD_LETTERS')
    expect(target.collections.get('a')?.size).to.equal(19)
  })

  it('hand out what is no document as a dead letter, and write the others', async () => {
    const letters: string[] = []
    for (const wrong of [{ name: 'no id' }, { _id: 7 }, 'text', 5]) {
      const target = scriptedTarget()
      const writer = createWriteStream(target.endpoint, 'a', { onDeadLetter: ({ code }) => void letters.push(code) })
      await pipeline(Readable.from([...documents(5), wrong, { _id: 'last' }]), writer)
      expect(writer.counts).to.include({ read: 7, written: 6, failed: 1 })
    }
    expect(new Set(letters)).to.deep.equal(new Set(['DOCFERRY_BAD_DOCUMENT']))
  })

  it('hand dead letters to whoever takes them', async () => {
    const target = scriptedTarget({
      refuse: ({ _id }) => (_id === 'd3' ? { code: 'DOCFERRY_TOO_LARGE', message: 'too large' } : undefined)
    })
    const letters: string[] = []
    await pipeline(
      Readable.from(documents(20)),
      createWriteStream(target.endpoint, 'a', { onDeadLetter: ({ id }) => void letters.push(id ?? '') })
    )
    expect(letters).to.deep.equal(['d3'])
  })

  it('refuse options that are none, as migrate does', async () => {
    const { endpoint } = scriptedTarget()
    const wrong = { maxRate: ['500/s', -1, 0, NaN, Infinity], maxWriteUnits: ['many', -1], maxRetries: [1.5, -1] }
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        const options = { [name]: value } as WriteStreamOptions
        expect(() => createWriteStream(endpoint, 'a', options), `${name}: ${value}`).to.throw(DocferryError, name)
      }
    }
    const uncounted = createWriteStream(endpoint, 'a', { maxWriteUnits: 5 })
    expect((await failure(pipeline(Readable.from(documents(1)), uncounted))).message).to.include('no such units')
  })

  it('leave a client that does not close', async () => {
    const messages: string[] = []
    const logger = { ...silentLogger, warn: (_: object, message: string) => void messages.push(message) }
    const never = (): Promise<never> => new Promise(() => undefined)
    const target = scriptedTarget({ provider: 'firestore', beforeClose: never })
    const scripted = scriptedSource({ collections: { a: documents(5) } }) as { readonly connector: Connector }
    const hanging: Connector = {
      ...scripted.connector,
      openSource: async (options, context) => {
        const source = await scripted.connector.openSource(options, context)
        return { ...source, location: { ...source.location, provider: 'couchdb' }, close: never }
      }
    }
    const reading = createReadStream({ connector: hanging, options: {} }, 'a', { logger }).toArray()
    await pipeline(Readable.from(documents(5)), createWriteStream(target.endpoint, 'a', { logger }))
    expect(target.collections.get('a')?.size).to.equal(5)
    expect(await reading).to.have.length(5)
    expect(messages.sort()).to.deep.equal([
      'couchdb (scripted source) does not close its connections; they are left',
      'firestore (scripted target) does not close its connections; they are left'
    ])
  }).timeout(20_000)

  it('leave nothing that looks whole when the source fails', async () => {
    const target = scriptedTarget()
    const broken = scriptedSource({
      collections: { a: documents(100) },
      beforePage: (_, page) => {
        if (page === 2) throw new Error('broken')
      }
    })
    const error = await failure(pipeline(createReadStream(broken, 'a'), createWriteStream(target.endpoint, 'a')))
    expect(error.message).to.equal('broken')
    expect(target).to.include({ committed: false, closed: true })
  })

  it('let a slow writer hold the reader back', async () => {
    let pages = 0
    const source = scriptedSource({ collections: { a: documents(5_000) }, beforePage: () => void pages++ })
    const slow = new Writable({ objectMode: true, write: () => undefined })
    const moving = pipeline(createReadStream(source, 'a'), toTransform([]), slow)
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
    expect(pages).to.be.at.most(6)
    slow.destroy(new Error('enough'))
    expect((await failure(moving)).message).to.equal('enough')
  })

  it('end a stage that waits when the stream is closed', async () => {
    let closed = false
    const many = {
      name: 'many',
      async *apply(document: Document) {
        try {
          for (let i = 0; ; i++) yield { ...document, _id: String(await Promise.resolve(i)) }
        } finally {
          closed = true
        }
      }
    }
    const transform = toTransform([many])
    transform.write({ _id: 'x' })
    for await (const { _id } of transform as AsyncIterable<Document>) if (_id === '40') break
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    expect(closed).to.equal(true)
  })
})
