import { expect } from 'chai'
import { firestoreConnector, type FirestoreOptions } from '../../../lib/connectors/firestore/index.ts'
import type { DocferryError } from '../../../lib/errors.ts'
import type { Environment } from '../../../lib/types.ts'
import { openSource } from './support.ts'

function refusal(text: string, environment: Environment = {}): string {
  try {
    firestoreConnector.configure(text, environment)
  } catch (error) {
    expect((error as DocferryError).code).to.equal('DOCFERRY_CONFIG')
    return (error as Error).message
  }
  throw new Error(`${text} was taken`)
}

function configure(text: string, environment: Environment = {}): FirestoreOptions {
  return firestoreConnector.configure(text, environment)
}

const emulated: Environment = { GOOGLE_CLOUD_PROJECT: 'p', FIRESTORE_EMULATOR_HOST: '127.0.0.1:8080' }

describe('firestore: options', () => {
  it('takes everything from the environment', () => {
    const environment = { GOOGLE_CLOUD_PROJECT: 'p', GOOGLE_APPLICATION_CREDENTIALS: '/key.json' }
    expect(configure('firestore', environment)).to.include({
      project: 'p',
      database: '(default)',
      credentials: '/key.json',
      emulator: undefined
    })
    expect(configure('firestore', emulated)).to.include({ project: 'p', emulator: '127.0.0.1:8080' })
  })

  it('takes everything from a URL', () => {
    expect(configure('firestore://p1?database=other&credentials=/a%20b/key.json', {})).to.include({
      project: 'p1',
      database: 'other',
      credentials: '/a b/key.json'
    })
    expect(configure('firestore://p1?database=(default)&emulator=localhost:8081')).to.include({
      database: '(default)',
      emulator: 'localhost:8081'
    })
  })

  it('takes from a URL whether there are subcollections', () => {
    expect(configure('firestore://p1?subcollections=off', {}).subcollections).to.equal(false)
    expect(configure('firestore://p1?subcollections=on', {}).subcollections).to.equal(true)
    expect(configure('firestore://p1', {})).to.not.have.property('subcollections')
    expect(refusal('firestore://p1?subcollections=some', {})).to.contain('subcollections: on or off is wanted')
  })

  it('prefers the URL to the environment', () => {
    expect(configure('firestore://mine', emulated)).to.include({ project: 'mine', emulator: '127.0.0.1:8080' })
  })

  it('leaves the project to the key file where there is one', () => {
    expect(configure('firestore', { GOOGLE_APPLICATION_CREDENTIALS: '/key.json' }).project).to.equal(undefined)
    expect(refusal('firestore')).to.contain('GOOGLE_CLOUD_PROJECT')
  })

  it('refuses an emulator that contradicts the variable', () => {
    expect(refusal('firestore://p?emulator=127.0.0.1:9090', emulated)).to.contain('FIRESTORE_EMULATOR_HOST says 127.0.0.1:8080')
    expect(configure('firestore://p?emulator=localhost:8080', emulated).emulator).to.equal('localhost:8080')
  })

  it('takes the service in spite of the variable when the URL says so', () => {
    const options = configure('firestore://p?emulator=none', { ...emulated, GOOGLE_APPLICATION_CREDENTIALS: '/key.json' })
    expect(options).to.include({ emulator: undefined, credentials: '/key.json' })
  })

  it('gives an emulator no credentials', () => {
    expect(configure('firestore', { ...emulated, GOOGLE_APPLICATION_CREDENTIALS: '/key.json' }).credentials).to.equal(undefined)
    expect(refusal('firestore://p?emulator=127.0.0.1:1&credentials=/key.json')).to.contain('credentials')
  })

  it('takes a server of the Admin API beside an emulator only', () => {
    const told = firestoreConnector.configure('firestore://p?emulator=127.0.0.1:1&admin=127.0.0.1:2', {})
    expect(told).to.include({ emulator: '127.0.0.1:1', admin: '127.0.0.1:2' })
    expect(() => firestoreConnector.configure('firestore://p?admin=127.0.0.1:2', {})).to.throw('goes with an emulator only')
    expect(() => firestoreConnector.configure('firestore://p?emulator=127.0.0.1:1&admin=here', {})).to.throw(
      'admin: here is not of the form host:port'
    )
  })

  it('takes from a URL how long the service may say nothing', () => {
    expect(configure('firestore://p?timeoutMs=1500', emulated).timeoutMs).to.equal(1_500)
    expect(refusal('firestore://p?timeoutMs=0', emulated)).to.contain('timeoutMs: a positive whole number')
    expect(refusal('firestore://p?timeoutMs=3000000000', emulated)).to.contain('at most 1,000,000,000')
  })

  it('takes no time limit that no timer can keep', async () => {
    for (const timeoutMs of [2 ** 31, -1, NaN]) {
      const opening = openSource({ project: 'p', emulator: '127.0.0.1:1', timeoutMs })
      const error = await opening.then(
        () => undefined,
        (thrown: DocferryError) => thrown
      )
      expect(error, String(timeoutMs)).to.include({ code: 'DOCFERRY_CONFIG' })
    }
  })

  it('lists every issue at once', () => {
    const message = refusal('firestore://?emulator=nowhere&colour=red&database=a/b')
    for (const part of ['project: required', 'emulator: nowhere', 'colour: unknown', 'database: a/b']) expect(message).to.contain(part)
  })

  it('refuses addresses of another form', () => {
    for (const text of ['firestore:p', 'firestore://p/documents/agents', 'firestore://p#x', 'firestore://p?database=']) {
      expect(refusal(text, {}), text).to.match(/^firestore: /)
    }
  })
})
