import { expect } from 'chai'
import { isStandardStream, parseEndpoint, providerNames } from '../../lib/config/endpoint.ts'
import { DocferryError } from '../../lib/errors.ts'

function failure(text: string): DocferryError {
  try {
    parseEndpoint(text, '--target')
  } catch (error) {
    if (error instanceof DocferryError) return error
    throw error
  }
  throw new Error(`${text} was accepted`)
}

describe('config: endpoint', () => {
  for (const name of providerNames) {
    it(`takes the bare name ${name}`, () => {
      expect(parseEndpoint(name)).to.deep.equal({ connector: name, text: name })
    })
  }

  for (const [text, connector] of [
    ['couchdb://user:pass@host:5984', 'couchdb'],
    ['couchdb+https://host/prefix', 'couchdb'],
    ['couchdbs://host', 'couchdb'],
    ['dynamodb://us-east-1?endpoint=http://localhost:8000', 'dynamodb'],
    ['firestore://project-id', 'firestore'],
    ['memory:snapshot.json', 'memory'],
    ['file:backup.ndjson.gz', 'file'],
    ['file:-', 'file']
  ] as const) {
    it(`hands ${text} to ${connector} unchanged`, () => {
      expect(parseEndpoint(text)).to.deep.equal({ connector, text })
    })
  }

  it('reads a provider in any case and leaves the rest of the address as it is', () => {
    expect(parseEndpoint(' CouchDB://User:Pass@Host ')).to.deep.equal({ connector: 'couchdb', text: 'couchdb://User:Pass@Host' })
  })

  for (const path of [
    '-',
    'backup.json',
    'backup.NDJSON.GZ',
    'data.jsonl',
    './x',
    '../x',
    '/data/dump',
    'folder/',
    'C:\\data\\dump',
    'a b.json',
    '.'
  ]) {
    it(`takes ${path} as a file`, () => {
      expect(parseEndpoint(path)).to.deep.equal({ connector: 'file', text: `file:${path}` })
    })
  }

  it('suggests the provider that was meant and lists all', () => {
    const error = failure('coucdb')
    expect(error.code).to.equal('DOCFERRY_USAGE')
    expect(error.message)
      .to.include('did you mean couchdb?')
      .and.include('memory, couchdb, firestore, dynamodb, file')
      .and.include('file:coucdb')
  })

  it('says how to write a web address', () => {
    expect(failure('https://db.example.com').message).to.include('couchdb+https://')
  })

  it('names the flag whose value is empty', () => {
    expect(failure('  ').message).to.include('--target is empty')
  })

  for (const text of [
    'couchd://admin:hunter2secret@host',
    'https://admin:hunter2secret@host',
    '//admin:hunter2secret@host/x.json',
    'admin:hunter2secret@host',
    'ad-min:hunter2secret@host:5984/',
    'ad-min:hunter2secret@host/x.json',
    'x//y:hunter2secret@z'
  ]) {
    it(`never repeats the password of ${text.replace('hunter2secret', '***')}`, () => {
      expect(failure(text).message).not.to.include('hunter2secret')
    })
  }

  it('knows standard input and output by any of their names', () => {
    for (const text of ['-', 'file:-', '/dev/stdout', 'file:/dev/stdout', 'file:-?format=json'])
      expect(isStandardStream(parseEndpoint(text)), text).to.equal(true)
    for (const text of ['./-', 'file:x-', 'couchdb', 'memory:-']) expect(isStandardStream(parseEndpoint(text)), text).to.equal(false)
  })
})
