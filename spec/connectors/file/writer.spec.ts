import { createWriteStream } from 'node:fs'
import { chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { PassThrough, Writable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import { fileConnector } from '../../../lib/connectors/file/index.ts'
import { suspendedOf } from '../../../lib/engine/output-stand.ts'
import type { CollectionState, ExportHead } from '../../../lib/formats/export-books.ts'
import { migrate } from '../../../lib/run.ts'
import type { Document } from '../../../lib/types.ts'
import { failure, fill, makeLogger, openFiles, put, readWhole, target, useFolder, writeWhole } from './support.ts'

const some = (count: number): Document[] => Array.from({ length: count }, (_, number) => ({ _id: String(number), number }))

describe('file: writer', () => {
  const path = useFolder()

  it('gives the output its name only when it is whole', async () => {
    const opened = await target({ path: path('out.ndjson') })
    expect(await readdir(path())).to.deep.equal([])
    await fill(opened, { a: some(3) })
    const [partial, ...others] = await readdir(path())
    expect(partial).to.match(/^out\.ndjson\.partial-[0-9a-f]{12}$/)
    expect(others).to.deep.equal([])
    await opened.commit({})
    await opened.close()
    expect(await readdir(path())).to.deep.equal(['out.ndjson'])
  })

  it('leaves nothing behind without a commit', async () => {
    for (const name of ['out.ndjson', 'out.json.gz', 'out/']) {
      const opened = await target({ path: path(name) })
      await fill(opened, { a: some(3) })
      await opened.close()
      expect(await readdir(path()), name).to.deep.equal([])
    }
  })

  it('changes nothing in a dry run', async () => {
    for (const name of ['out.ndjson', 'out/']) {
      const opened = await target({ path: path(name) })
      expect(await opened.prepare('a', { create: false })).to.deep.equal({ created: true, empty: true })
      await opened.close()
      expect(await readdir(path())).to.deep.equal([])
    }
  })

  it('says why an output that can not even be looked at can not be written', async () => {
    await symlink('loop', path('loop'))
    for (const [name, why] of [
      [`${'x'.repeat(300)}.ndjson`, 'ENAMETOOLONG'],
      ['loop', 'ELOOP'],
      ['loop/x.ndjson', 'ELOOP']
    ] as const) {
      const { code, message } = await failure(target({ path: path(name), format: 'ndjson' }))
      expect(code, name).to.equal('DOCFERRY_TARGET')
      expect(message).to.match(new RegExp(`can't be written \\(${why}\\): \\w`))
    }
  })

  it('refuses an output that exists, unless told to replace it', async () => {
    await writeWhole({ path: path('out.json') }, { a: some(1) })
    expect(await failure(target({ path: path('out.json') }))).to.include({ code: 'DOCFERRY_OUTPUT_EXISTS' })
    await writeWhole({ path: path('out.json'), force: true }, { a: some(2) })
    expect(await readWhole({ path: path('out.json') })).to.deep.equal({ a: some(2) })
  })

  it('replaces no folder that its source lies in, and no file of a folder that is its source', async () => {
    await mkdir(path('both'))
    for (const name of ['one', 'two']) await writeFile(path(`both/${name}.ndjson`), '{"_id":"a"}\n')
    const file = { connector: 'file', options: { path: path('both/one.ndjson'), force: true } } as const
    const folder = { connector: 'file', options: { path: path('both'), format: 'folder', force: true } } as const
    for (const [source, target] of [
      [file, folder],
      [folder, file]
    ] as const) {
      const error: unknown = await migrate({ source, target, stateDir: path('state') }).catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'DOCFERRY_SAME_PLACE' })
      expect(String(error)).to.include('lies in')
    }
    expect(await readdir(path('both'))).to.have.members(['one.ndjson', 'two.ndjson'])
    expect(await readFile(path('both/one.ndjson'), 'utf8')).to.equal('{"_id":"a"}\n')
  })

  it('does not replace what appeared while it wrote', async () => {
    const opened = await target({ path: path('out.ndjson') })
    await fill(opened, { a: some(1) })
    await writeFile(path('out.ndjson'), 'precious')
    const { code, message } = await failure(opened.commit({}))
    expect(code).to.equal('DOCFERRY_OUTPUT_EXISTS')
    expect(message).to.include('move it away').and.not.include('--force')
    await opened.close()
    expect(await readdir(path())).to.deep.equal(['out.ndjson'])
    expect(await readFile(path('out.ndjson'), 'utf8')).to.equal('precious')
  })

  it('keeps the old output when the new one fails', async () => {
    await writeWhole({ path: path('out.json') }, { a: some(1) })
    const opened = await target({ path: path('out.json'), force: true })
    await fill(opened, { a: some(5) })
    await opened.close()
    expect(await readWhole({ path: path('out.json') })).to.deep.equal({ a: some(1) })
  })

  it('keeps the permissions of the file that it replaces, and a link to it', async () => {
    await writeWhole({ path: path('out.json') }, { a: [] })
    await chmod(path('out.json'), 0o600)
    await symlink(path('out.json'), path('link.json'))
    await writeWhole({ path: path('link.json'), force: true }, { a: some(1) })
    expect((await stat(path('out.json'))).mode & 0o777).to.equal(0o600)
    expect(await readlink(path('link.json'))).to.equal(path('out.json'))
    expect(await readWhole({ path: path('out.json') })).to.deep.equal({ a: some(1) })
  })

  it('holds empty collections, in every form', async () => {
    for (const name of ['x.ndjson', 'x.json', 'x.ndjson.gz', 'x/']) {
      await writeWhole({ path: path(name) }, { none: [], some: some(2), 'no more': [] })
      expect(await readWhole({ path: path(name) }), name).to.deep.equal({ none: [], 'no more': [], some: some(2) })
    }
  })

  it('writes a whole export without a single collection', async () => {
    for (const name of ['x.ndjson', 'x.json', 'x/']) {
      await writeWhole({ path: path(name) }, {})
      expect(await readWhole({ path: path(name) })).to.deep.equal({})
    }
  })

  it('writes collections that become known late', async () => {
    for (const name of ['x.ndjson', 'x/']) {
      const opened = await target({ path: path(name) })
      for (const collection of ['a', 'b', 'c']) {
        await opened.prepare(collection, { create: true })
        await put(opened, collection, some(1))
      }
      await opened.commit({})
      expect(await readWhole({ path: path(name) })).to.deep.equal({ a: some(1), b: some(1), c: some(1) })
    }
  })

  it('states who exported it, when, and what', async () => {
    await writeWhole({ path: path('x.json'), provider: 'couchdb' }, { agents: [], users: [] })
    const { metadata } = JSON.parse(await readFile(path('x.json'), 'utf8')) as {
      metadata: { provider: string; exported_at: string; collections: string[] }
    }
    expect(metadata).to.include({ provider: 'couchdb' })
    expect(metadata.collections).to.deep.equal(['agents', 'users'])
    expect(new Date(metadata.exported_at).getTime()).to.be.within(Date.now() - 60_000, Date.now())
  })

  it('writes documents and nothing else where told to, of one collection', async () => {
    const options = { path: path('x.ndjson'), documentsOnly: true }
    await writeWhole(options, { a: some(2) })
    expect(await readFile(path('x.ndjson'), 'utf8')).to.equal('{"_id":"0","number":0}\n{"_id":"1","number":1}\n')
    const opened = await target({ ...options, force: true })
    await opened.prepare('a', { create: false })
    expect(await failure(opened.prepare('b', { create: false }))).to.include({ code: 'DOCFERRY_CONFIG' })
    await opened.close()
  })

  it('writes a second document with the same id too', async () => {
    const opened = await target({ path: path('x.ndjson') })
    await opened.prepare('a', { create: true })
    expect(await put(opened, 'a', [{ _id: '1', v: 1 }])).to.deep.equal(['written'])
    expect(await put(opened, 'a', [{ _id: '1', v: 2 }], false)).to.deep.equal(['written'])
    expect(await opened.get('a', ['1'], {})).to.equal(null)
    await opened.commit({})
    await opened.close()
    expect(await readWhole({ path: path('x.ndjson') })).to.deep.equal({
      a: [
        { _id: '1', v: 1 },
        { _id: '1', v: 2 }
      ]
    })
  })

  it('refuses a document that no text can hold, without naming its contents', async () => {
    const opened = await target({ path: path('x.ndjson') })
    let deep: Document[string] = 1
    for (let level = 0; level < 2000; level++) deep = [deep]
    expect(opened.encode('a', { _id: '1', deep })).to.include({ code: 'DOCFERRY_TOO_DEEP' })
    expect(opened.encode('a', { _id: '1', secret: new Date() as never })).to.include({ code: 'DOCFERRY_BAD_VALUE' })
    await opened.close()
  })

  it('counts bytes as they are written', async () => {
    const opened = await target({ path: path('x.ndjson') })
    expect(opened.encode('a', { _id: 'é' })).to.include({ id: 'é', bytes: 13 })
    await opened.close()
  })

  it('says what is wrong with a place', async () => {
    const missing = await failure(target({ path: path('no', 'such', 'out.json') }))
    expect(missing).to.include({ code: 'DOCFERRY_TARGET' })
    expect(missing.message)
      .to.include('ENOENT')
      .and.include(path('no', 'such', 'out.json'))
    expect((await failure(target({ path: path('no', 'such', 'folder') + '/' }))).code).to.equal('DOCFERRY_TARGET')
    expect((await failure(target({ path: path('backup') }))).code).to.equal('DOCFERRY_CONFIG')
  })

  it('stops when the signal has aborted', async () => {
    const opened = await target({ path: path('x.ndjson') })
    await opened.prepare('a', { create: true })
    const signal = AbortSignal.abort(new Error('stop'))
    expect((await failure(opened.write('a', [], { onConflict: 'skip', fresh: true, signal }))).message).to.equal('stop')
    expect((await failure(opened.commit({ signal }))).message).to.equal('stop')
    await opened.close()
    expect(await readdir(path())).to.deep.equal([])
  })

  it('knows that source and target are one place', async () => {
    await mkdir(path('real'))
    await symlink(path('real'), path('alias'))
    const [one, other] = [await target({ path: path('real', 'x.json') }), await target({ path: path('alias', 'x.json') })]
    expect(one.location.identity).to.equal(other.location.identity)
  })
})

describe('file: documents alone', () => {
  const path = useFolder()

  it('refuses several collections before there is a run to go on with', async () => {
    await writeWhole({ path: path('in.ndjson') }, { a: [{ _id: 'x' }], b: [{ _id: 'y' }] })
    const moved = migrate({
      source: { connector: 'file', options: { path: path('in.ndjson') } },
      target: { connector: 'file', options: { path: path('out.ndjson'), documentsOnly: true } },
      stateDir: path('state')
    })
    expect(await failure(moved)).to.include({ code: 'DOCFERRY_CONFIG' })
    expect(await readdir(path())).to.deep.equal(['in.ndjson'])
  })
})

describe('file: standard output', () => {
  const path = useFolder()

  it('is written and left open', async () => {
    for (const gzip of [false, true]) {
      const parts: Buffer[] = []
      const stdout = new PassThrough().on('data', (chunk: Buffer) => parts.push(chunk))
      await writeWhole({ path: '-', stdout, gzip }, { a: some(2) })
      expect(stdout.writableEnded).to.equal(false)
      expect(stdout.destroyed).to.equal(false)
      const bytes = Buffer.concat(parts)
      const text = (gzip ? gunzipSync(bytes) : bytes).toString()
      expect(text.split('\n').map(line => line.slice(0, 12))).to.deep.equal([
        '{"$docferry"',
        '{"$collectio',
        '{"_id":"0","',
        '{"_id":"1","',
        '{"$end":{"co',
        ''
      ])
    }
  })

  it('lacks its end without a commit, so that a reader knows', async () => {
    const parts: Buffer[] = []
    const stdout = new PassThrough().on('data', (chunk: Buffer) => parts.push(chunk))
    const opened = await target({ path: '-', stdout })
    await fill(opened, { a: some(2) })
    await opened.close()
    expect(stdout.destroyed).to.equal(false)
    expect(Buffer.concat(parts).toString()).to.not.include('$end')
  })

  it('says that the reader of the pipe has gone', async () => {
    for (const gzip of [false, true]) {
      const stdout = new Writable({
        write: (_chunk, _encoding, callback) => callback(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' }))
      })
      const opened = await target({ path: '-', stdout, gzip })
      const work = async (): Promise<void> => {
        await fill(opened, { a: some(10) })
        await opened.commit({})
      }
      const { code, message } = await failure(work)
      expect(code).to.equal('DOCFERRY_TARGET')
      expect(message).to.match(/standard output.*EPIPE/)
      await opened.close()
    }
  })

  it('says that the disk is full', async function () {
    if (process.platform !== 'linux') throw new Error('needs /dev/full, which Linux has')
    const stdout = createWriteStream('/dev/full')
    const opened = await target({ path: '-', stdout })
    const work = async (): Promise<void> => {
      await fill(opened, { a: some(10) })
      await opened.commit({})
    }
    expect(await failure(work)).to.include({ code: 'DOCFERRY_TARGET' })
    await opened.close()
  })

  it('writes into a device instead of replacing it', async () => {
    await writeWhole({ path: '/dev/null', format: 'ndjson', force: true }, { a: some(2) })
    expect((await stat('/dev/null')).isCharacterDevice()).to.equal(true)
    const opened = await target({ path: '/dev/full', format: 'json' })
    const work = async (): Promise<void> => {
      await fill(opened, { a: some(2) })
      await opened.commit({})
    }
    expect((await failure(work)).message).to.match(/\/dev\/full.*ENOSPC.*the disk is full/)
    await opened.close()
    expect(await readdir(path())).to.deep.equal([])
  })

  it('goes on with a file whose sections an older docferry kept in a list, in their order', async () => {
    const options = { path: path('out.ndjson') }
    const opened = await target(options)
    const names = ['b', '10', '2', '__proto__']
    for (const name of [...names, 'empty']) await opened.prepare(name, { create: true })
    for (const name of names) await put(opened, name, some(1))
    const { collections, state, ...rest } = suspendedOf((await opened.suspend!())!)
    await opened.close()
    const parts = Object.values(collections as Record<string, CollectionState>).sort((a, b) => a.at - b.at)
    const older = { ...(state as ExportHead), collections: parts.map(({ kept }) => kept), opened: names }
    expect(parts.map(({ kept: [name] }) => name)).to.deep.equal([...names, 'empty'])
    const again = await fileConnector.openTarget(options, { logger: makeLogger(), resume: { ...rest, state: older } })
    expect(suspendedOf((await again.suspend!())!)).to.deep.equal({ ...rest, state, collections })
    await put(again, '2', [{ _id: 'last' }])
    await again.commit({})
    await again.close()
    const read = await readWhole(options)
    expect(Object.keys(read)).to.include.members(['b', '10', '2', 'empty'])
    expect(await readFile(options.path, 'utf8')).to.include('"__proto__"')
    expect(read['2']).to.deep.equal([...some(1), { _id: 'last' }])
  })

  it('names each section as a part of where it stands, which is another one only once it has changed', async () => {
    const opened = await target({ path: path('out.ndjson') })
    await fill(opened, { a: some(1), b: some(1) })
    const versions = async (): Promise<unknown[]> => [...(await opened.suspend!())!.parts['collections']!].map(({ version }) => version)
    const first = await versions()
    await put(opened, 'b', [{ _id: 'more' }])
    const second = await versions()
    expect(second[0]).to.equal(first[0])
    expect(second[1]).to.not.equal(first[1])
    await opened.close()
  })
})

describe('file: folder writer', () => {
  const path = useFolder()

  it('writes a file for each collection and a manifest, all at once', async () => {
    const opened = await target({ path: path('out/'), gzip: true, provider: 'dynamodb' })
    await fill(opened, { a: some(2), 'b/c': [] })
    expect((await readdir(path())).map(name => name.replace(/-.*/, ''))).to.deep.equal(['out.partial'])
    await opened.commit({})
    await opened.close()
    expect(await readdir(path())).to.deep.equal(['out'])
    expect((await readdir(path('out'))).sort()).to.deep.equal(['a.ndjson.gz', 'b%2Fc.ndjson.gz', 'manifest.json'])
    const manifest = JSON.parse(await readFile(path('out', 'manifest.json'), 'utf8')) as {
      metadata: object
      files: Record<string, { file: string; documents: number }>
    }
    expect(manifest.metadata).to.include({ provider: 'dynamodb' })
    expect(manifest.files['b/c']).to.include({ file: 'b%2Fc.ndjson.gz', documents: 0 })
    expect(gunzipSync(await readFile(path('out', 'a.ndjson.gz'))).toString()).to.equal('{"_id":"0","number":0}\n{"_id":"1","number":1}\n')
  })

  it('takes batches of several collections at once, each file in order', async () => {
    const opened = await target({ path: path('out/') })
    const names = ['a', 'b', 'c']
    for (const name of names) await opened.prepare(name, { create: true })
    await Promise.all(
      Array.from({ length: 30 }, (_, number) => put(opened, names[number % 3] as string, [{ _id: String(number), text: 'x'.repeat(1000) }]))
    )
    await opened.commit({})
    const found = await readWhole({ path: path('out') })
    expect(found.b?.map(document => document._id)).to.deep.equal(Array.from({ length: 10 }, (_, index) => String(index * 3 + 1)))
  })

  it('writes into an empty folder, and replaces an export only where told to', async () => {
    await mkdir(path('out'))
    await writeWhole({ path: path('out') }, { a: some(1), gone: [] })
    expect(await failure(target({ path: path('out') }))).to.include({ code: 'DOCFERRY_OUTPUT_EXISTS' })
    await writeWhole({ path: path('out'), force: true }, { a: some(2) })
    expect(await readWhole({ path: path('out') })).to.deep.equal({ a: some(2) })
    expect(await readdir(path())).to.deep.equal(['out'])
  })

  it('never replaces a folder that holds anything else', async () => {
    await mkdir(path('home'))
    await writeFile(path('home', 'thesis.tex'), 'precious')
    await writeFile(path('file'), 'precious')
    for (const name of ['home/', 'file/'])
      for (const force of [true, false]) {
        const { code, message } = await failure(target({ path: path(name), force }))
        expect(code).to.equal('DOCFERRY_OUTPUT_EXISTS')
        expect(message).to.include('choose another folder').and.not.include('--force')
      }
    expect(await readFile(path('home', 'thesis.tex'), 'utf8')).to.equal('precious')
  })

  for (const format of ['ndjson', 'ndjson.gz'] as const)
    it(`goes on behind what each ${format} held when it was last told, whichever of them was written since`, async () => {
      const gzip = format.endsWith('gz')
      const options = { path: path('out/'), ...(gzip && { gzip }) }
      const opened = await target(options)
      await fill(opened, { a: some(1), b: some(2), empty: [] })
      await opened.suspend!()
      await put(opened, 'b', [{ _id: 'more' }])
      const resume = suspendedOf((await opened.suspend!())!)
      await put(opened, 'a', [{ _id: 'behind' }])
      await opened.close()
      const again = await fileConnector.openTarget(options, { logger: makeLogger(), resume })
      for (const name of ['a', 'b', 'empty']) await again.prepare(name, { create: true })
      expect(suspendedOf((await again.suspend!())!)).to.deep.equal(resume)
      await put(again, 'a', [{ _id: 'last' }])
      await again.commit({})
      await again.close()
      expect(await readWhole(options)).to.deep.equal({ a: [...some(1), { _id: 'last' }], b: [...some(2), { _id: 'more' }], empty: [] })
    })

  for (const place of ['out/', 'out.ndjson'])
    for (const gzip of [false, true])
      it(`has let go of ${place}${gzip ? ', compressed,' : ''} when it is closed in the middle, so that somebody may go on with it`, async () => {
        const opened = await target({ path: path(place), gzip })
        await fill(opened, { a: some(1) })
        await opened.suspend!()
        // Some of it is still on its way when the target is closed.
        const writing = put(opened, 'a', [{ _id: 'behind', text: 'x'.repeat(4_000_000) }]).catch(() => undefined)
        await new Promise(setImmediate)
        await opened.close()
        expect(openFiles().filter(file => file.startsWith(path()))).to.deep.equal([])
        await writing
        expect(openFiles().filter(file => file.startsWith(path()))).to.deep.equal([])
      })

  it('does not replace a folder that was filled while it wrote', async () => {
    const opened = await target({ path: path('out/') })
    await fill(opened, { a: some(1) })
    await mkdir(path('out'))
    await writeFile(path('out', 'precious'), '')
    expect(await failure(opened.commit({}))).to.include({ code: 'DOCFERRY_OUTPUT_EXISTS' })
    await opened.close()
    expect(await readdir(path())).to.deep.equal(['out'])
    expect(await readdir(path('out'))).to.deep.equal(['precious'])
  })
})
