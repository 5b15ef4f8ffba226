import { expect } from 'chai'
import { fileConnector } from '../../../lib/connectors/file/index.ts'
import { checkFileName, collectionOf, fileNameOf } from '../../../lib/connectors/file/limits.ts'
import { outputLayout } from '../../../lib/connectors/file/options.ts'
import { DocferryError } from '../../../lib/errors.ts'

const configure = (text: string): unknown => fileConnector.configure(text, {})

describe('file: options', () => {
  it('reads every form of address', () => {
    expect(configure('file:backup.ndjson.gz')).to.deep.equal({ path: 'backup.ndjson.gz' })
    expect(configure('file:/data/backup.json')).to.deep.equal({ path: '/data/backup.json' })
    expect(configure('file:///data/my%20backup.json')).to.deep.equal({ path: '/data/my backup.json' })
    expect(configure('file:dir/')).to.deep.equal({ path: 'dir/' })
    expect(configure('file:-')).to.deep.equal({ path: '-' })
    expect(configure('file:100%.json')).to.deep.equal({ path: '100%.json' })
    expect(configure('file:out?format=ndjson&documentsOnly=true&force=true&gzip=false&level=9&collection=cities')).to.deep.equal({
      path: 'out',
      format: 'ndjson',
      documentsOnly: true,
      force: true,
      gzip: false,
      level: 9,
      collection: 'cities'
    })
  })

  it('reports every issue at once', () => {
    expect(() => configure('file:?format=xml&level=12&forced=true&gzip=maybe'))
      .to.throw(DocferryError)
      .with.property('message')
      .that.matches(/path: required.*forced: no such option.*format: ndjson.*level: a whole number.*gzip: true or false/s)
    expect(() => configure('file')).to.throw(DocferryError, 'path: required')
    expect(() => configure('file://host/data.json')).to.throw(DocferryError, 'file:///data')
  })

  it('tells what to write from the name', () => {
    expect(outputLayout({ path: '/x/a.ndjson' })).to.deep.equal({ format: 'ndjson', items: false, gzip: false, path: '/x/a.ndjson' })
    expect(outputLayout({ path: '/x/a.jsonl.gz' })).to.deep.equal({ format: 'ndjson', items: false, gzip: true, path: '/x/a.jsonl.gz' })
    expect(outputLayout({ path: '/x/a.json.gz' })).to.include({ format: 'json', gzip: true })
    expect(outputLayout({ path: '/x/a/' })).to.deep.equal({ format: 'folder', items: false, gzip: false, path: '/x/a' })
    expect(outputLayout({ path: '/x/a', format: 'json' })).to.include({ format: 'json', gzip: false })
    expect(outputLayout({ path: '-' })).to.deep.equal({ format: 'ndjson', items: false, gzip: false, path: '-' })
    expect(outputLayout({ path: '-', format: 'json', gzip: true })).to.deep.equal({ format: 'json', items: false, gzip: true, path: '-' })
    expect(outputLayout({ path: '/x/a', documentsOnly: true })).to.include({ format: 'ndjson' })
  })

  it('writes DynamoDB JSON only where it is asked for, and compresses a folder of it as the service does', () => {
    const format = 'dynamodb-json'
    expect(outputLayout({ path: '/x/a.json', format })).to.include({ format: 'ndjson', items: true, gzip: false })
    expect(outputLayout({ path: '/x/a.json.gz', format })).to.include({ format: 'ndjson', items: true, gzip: true })
    expect(outputLayout({ path: '/x/a/', format })).to.include({ format: 'folder', items: true, gzip: true })
    expect(outputLayout({ path: '/x/a/', format, gzip: false })).to.include({ format: 'folder', items: true, gzip: false })
  })

  it('reads a key, and says what is none', () => {
    expect(configure('file:x/?key=pk,sk:N&incremental=true&backupLog=x.log')).to.deep.equal({
      path: 'x/',
      key: 'pk,sk:N',
      incremental: true,
      backupLog: 'x.log'
    })
    for (const key of ['', 'a,', 'a,b,c', 'a,a'])
      expect(() => configure(`file:x?key=${key}`), key).to.throw(DocferryError, 'is no key of a table')
  })

  it('refuses what contradicts itself, and what tells no format', () => {
    for (const options of [
      { path: '/x/backup' },
      { path: '/x/a/', format: 'json' as const },
      { path: '-', format: 'folder' as const },
      { path: '/x/a.json', documentsOnly: true },
      { path: '/x/a/', documentsOnly: true },
      { path: '/x/a.json', format: 'dynamodb-json' as const, documentsOnly: true },
      { path: '/x/a.json', key: 'pk' },
      { path: '/x/a.txt', format: 'couchbackup' as const }
    ]) {
      expect(() => outputLayout(options), JSON.stringify(options))
        .to.throw(DocferryError)
        .with.property('code', 'DOCFERRY_CONFIG')
    }
  })

  it('makes every collection name a file name, and back', () => {
    for (const name of ['agents', 'a/b', '..', '.hidden', 'a b', '50%', '%41', 'ünï', '😀', "it's*!", '-x', 'x.', 'CON', 'a:b', 'a\\b']) {
      const file = fileNameOf(name)
      expect(file).to.match(/^[^/\\:*.-][^/\\:*]*$/)
      expect(collectionOf(file)).to.equal(name)
    }
    expect(collectionOf('100%')).to.equal('100%')
    expect(collectionOf('a%2fb')).to.equal('a%2fb')
  })

  it('refuses names that no file can have', () => {
    expect(checkFileName('x'.repeat(220))).to.equal(undefined)
    expect(checkFileName('x'.repeat(221))).to.include({ code: 'DOCFERRY_COLLECTION_NAME' })
    expect(checkFileName('é'.repeat(60))).to.include({ code: 'DOCFERRY_COLLECTION_NAME' })
    expect(checkFileName('\ud800')).to.include({ code: 'DOCFERRY_COLLECTION_NAME' })
    expect(checkFileName('')).to.include({ code: 'DOCFERRY_COLLECTION_NAME' })
  })
})
