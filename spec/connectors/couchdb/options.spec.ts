import { expect } from 'chai'
import { configure, locate, settle } from '../../../lib/connectors/couchdb/options.ts'

function issuesOf(text: string, environment: Record<string, string> = {}): string {
  try {
    configure(text, environment)
  } catch (error) {
    expect(error).to.have.property('code', 'DOCFERRY_CONFIG')
    return (error as Error).message
  }
  throw new Error('no issue')
}

describe('couchdb: options', () => {
  const environment = { COUCHDB_URL: 'http://db.example:5984', COUCHDB_USER: 'admin', COUCHDB_PASSWORD: 's3cret' }

  it('takes everything from the environment when it is named bare', () => {
    expect(configure('couchdb', environment)).to.deep.equal({ url: 'http://db.example:5984', user: 'admin', password: 's3cret' })
  })

  it('takes user and password from COUCHDB_URL', () => {
    expect(configure('couchdb', { COUCHDB_URL: 'https://a%40b:p%2Fw@db.example/' })).to.deep.equal({
      url: 'https://db.example',
      user: 'a@b',
      password: 'p/w'
    })
  })

  it('works without a user', () => {
    expect(configure('couchdb', { COUCHDB_URL: 'http://localhost:5984', COUCHDB_USER: '', COUCHDB_PASSWORD: '' })).to.deep.equal({
      url: 'http://localhost:5984'
    })
  })

  for (const [text, url] of [
    ['couchdb://u:p@host', 'http://host:5984'],
    ['couchdb://u:p@host:80/', 'http://host'],
    ['couchdb://u:p@HOST:7000/pre/fix/', 'http://host:7000/pre/fix'],
    ['couchdb+http://u:p@host', 'http://host'],
    ['couchdb+https://u:p@host', 'https://host'],
    ['couchdbs://u:p@host:6984', 'https://host:6984'],
    ['couchdb://u:p@[::1]:5984', 'http://[::1]:5984']
  ] as const) {
    it(`reads ${text}`, () => expect(configure(text, {})).to.deep.equal({ url, user: 'u', password: 'p' }))
  }

  it('decodes user and password', () => {
    expect(configure('couchdb://ann%20b:%25%3A%40%23%C3%A9@host', {})).to.include({ user: 'ann b', password: '%:@#é' })
  })

  it('takes the password from the variable that the address names', () => {
    expect(configure('couchdb://ann@host?passwordEnv=PW', { PW: 'x y' })).to.deep.equal({
      url: 'http://host:5984',
      user: 'ann',
      password: 'x y'
    })
    expect(issuesOf('couchdb://ann@host?passwordEnv=PW')).to.include('PW: required')
  })

  it("sends the environment's password to the host of COUCHDB_URL", () => {
    expect(configure('couchdb://db.example', environment)).to.include({ user: 'admin', password: 's3cret' })
    expect(configure('couchdb://admin@db.example', environment)).to.include({ user: 'admin', password: 's3cret' })
  })

  for (const text of ['couchdb://other.example', 'couchdb://db.example:5985', 'couchdbs://db.example:5984']) {
    it(`does not send it to ${text}`, () => expect(configure(text, environment)).to.not.have.any.keys('user', 'password'))
  }

  it('does not send it anywhere without COUCHDB_URL', () => {
    expect(configure('couchdb://db.example', { COUCHDB_USER: 'admin', COUCHDB_PASSWORD: 's3cret' })).to.not.have.any.keys(
      'user',
      'password'
    )
  })

  it('does not give it to another user', () => {
    expect(issuesOf('couchdb://bob@db.example', environment)).to.include('a user without a password')
  })

  it('reads the other settings', () => {
    expect(configure('couchdb://host?timeoutMs=5000&maxDocumentBytes=1000&databases=a,b', {})).to.deep.equal({
      url: 'http://host:5984',
      timeoutMs: 5000,
      maxDocumentBytes: 1000,
      databases: ['a', 'b']
    })
  })

  it('tells every issue at once', () => {
    const issues = issuesOf('couchdb://ann@host?timeoutMs=soon&colour=red')
    for (const part of ['timeoutMs', 'colour', 'without a password']) expect(issues).to.include(part)
  })

  it('refuses a contradiction in the environment', () => {
    expect(issuesOf('couchdb', { ...environment, COUCHDB_URL: 'http://bob:x@db.example' })).to.include('another user')
    expect(issuesOf('couchdb', { COUCHDB_URL: 'http://db.example', COUCHDB_USER: 'a' })).to.include('COUCHDB_PASSWORD: required')
    expect(issuesOf('couchdb')).to.include('COUCHDB_URL: required')
  })

  // What the parser takes for host, port, path or fragment is a part of the password.
  for (const text of [
    'couchdb://admin:hush#x@host',
    'couchdb://admin:12#hush@host',
    'couchdb://admin:12/hush@host',
    'couchdb://admin:12?hush@host',
    'couchdb://admin:hush?@host',
    'couchdb://admin:hush%zz@host',
    'couchdb://:hush@host',
    'couchdb://admin:hush@',
    'mongodb://admin:hush@host'
  ]) {
    it(`refuses ${text} and keeps the secret`, () => expect(issuesOf(text)).to.not.include('hush'))
  }

  it('never shows the password of options', () => {
    const location = locate(settle({ url: 'http://admin:hush@host:5984/p' }))
    expect(location).to.deep.equal({ provider: 'couchdb', address: 'http://host:5984/p as admin', identity: 'http://host:5984/p' })
  })

  it('gives one identity to one place, whoever connects', () => {
    const identity = (text: string): string => locate(settle(configure(text, {}))).identity
    expect(identity('couchdb://a:b@localhost')).to.equal(identity('couchdb://c:d@127.0.0.1:5984/'))
    expect(identity('couchdbs://a:b@host')).to.equal(identity('couchdb+https://host:443'))
    expect(identity('couchdb://host')).to.not.equal(identity('couchdb://host/prefix'))
    expect(identity('couchdb://host:5985')).to.not.equal(identity('couchdb://host'))
  })

  it('checks options given as an object', () => {
    expect(() => settle({ url: 'host:5984' })).to.throw('url: must look like')
    expect(() => settle({ url: 'http://host', user: 'a' })).to.throw('password: required')
    expect(() => settle({ url: 'http://host', timeoutMs: 0 })).to.throw('timeoutMs')
  })

  it('takes no time limit that no timer can keep', () => {
    expect(settle({ url: 'http://host', timeoutMs: 1_000_000_000 }).timeoutMs).to.equal(1_000_000_000)
    for (const timeoutMs of [2 ** 31, 1_000_000_001, NaN, Infinity, '5' as unknown as number])
      expect(() => settle({ url: 'http://host', timeoutMs }), String(timeoutMs)).to.throw('timeoutMs: a positive whole number')
    expect(issuesOf('couchdb://host?timeoutMs=3000000000')).to.include('at most 1,000,000,000')
  })
})
