import { expect } from 'chai'
import { DocferryError } from '../lib/errors.ts'
import { createLogger, isSecretKey, lineOf } from '../lib/log.ts'
import type { LogLevel } from '../lib/log.ts'

function logged(level: LogLevel, plain: boolean, context: object, message = 'it happened'): string {
  let text = ''
  const logger = createLogger({
    level,
    plain,
    destination: { write: line => (text += line) },
    mask: line => line.replaceAll('known-secret', '***')
  })
  logger.warn(context, message)
  logger.debug({}, 'only in debug')
  return text
}

describe('log', () => {
  it('writes one JSON object a line, with level and time in words', () => {
    const line = JSON.parse(logged('warn', false, { collection: 'agents' }))
    expect(line).to.include({ level: 'warn', collection: 'agents', msg: 'it happened' })
    expect(Date.parse(line.time)).to.be.a('number').and.not.NaN
  })

  it('writes one plain line for people', () => {
    expect(logged('warn', true, { collection: 'agents', count: 3 })).to.match(
      /^\d\d:\d\d:\d\d warn {2}it happened collection=agents count=3\n$/
    )
  })

  it('keeps silent below its level', () => {
    expect(logged('error', false, {})).to.equal('')
    expect(logged('debug', false, {})).to.include('only in debug')
  })

  it('takes out the values of secret fields at any depth', () => {
    const secrets = {
      password: 's3cret',
      api_keys: { openai_api_key: 's3cret' },
      nested: [{ headers: { Authorization: 's3cret' } }],
      aws: { secretAccessKey: 's3cret', sessionToken: 's3cret' },
      private_key: 's3cret'
    }
    expect(logged('warn', false, secrets)).not.to.include('s3cret')
  })

  it('takes credentials out of URLs, in messages and in context', () => {
    const text = logged(
      'warn',
      false,
      { url: 'http://admin:s3cret@host/db', list: ['couchdb://a:s3cret@h'] },
      'cannot reach http://admin:s3cret@host, known-secret'
    )
    expect(text).not.to.include('s3cret').and.not.to.include('known-secret')
    expect(JSON.parse(text).url).to.equal('http://***@host/db')
  })

  it('tells an error by its code, message and cause, and never by its own fields', () => {
    const vendor = Object.assign(new Error('14 UNAVAILABLE'), { credentials: { private_key: 's3cret' }, note: 's3cret' })
    const text = logged('warn', false, {
      err: new DocferryError('DOCFERRY_CONNECT', 'cannot reach it', { cause: vendor, collection: 'agents' })
    })
    expect(text).not.to.include('s3cret')
    expect(JSON.parse(text).err).to.include({ code: 'DOCFERRY_CONNECT', collection: 'agents', cause: '14 UNAVAILABLE' })
    expect(logged('warn', false, vendor))
      .to.include('14 UNAVAILABLE')
      .and.not.to.include('s3cret')
  })

  it('lets no control character of a name through to a terminal', () => {
    expect(logged('warn', true, {}, 'name \u001b[2J end')).not.to.match(/\u001b/)
  })

  it('survives what JSON does not hold', () => {
    const loop: Record<string, unknown> = { big: 10n }
    loop['self'] = loop
    expect(logged('warn', false, loop)).to.include('"big":"10"')
  })

  it('writes a line by itself as its logger does', () => {
    const contexts: object[] = [
      {},
      { runId: 'r1', n: 1, nothing: undefined, big: 10n, list: ['http://admin:s3cret@host/db', { password: 's3cret' }], at: new Date(0) },
      {
        err: new DocferryError('DOCFERRY_CONNECT', 'cannot reach http://a:s3cret@h', {
          cause: new Error('known-secret'),
          collection: 'agents'
        })
      },
      { bytes: Buffer.from('s3cret'), deep: { a: { b: { c: { d: { e: { f: { g: 1 } } } } } } }, nan: Number.NaN, quote: '"\u2028' }
    ]
    for (const context of contexts) {
      const message = 'it "happened" to known-secret\n'
      const line = lineOf({ level: 'warn', context, message }, { mask: text => text.replaceAll('known-secret', '***') })
      const without = (text: string): string => text.replace(/"time":"[^"]*"/, '')
      expect(without(line)).to.equal(without(logged('warn', false, context, message)))
    }
  })

  it('tells secret names from others', () => {
    for (const name of [
      'password',
      'COUCHDB_PASSWORD',
      'apiKey',
      'api_keys',
      'anthropic_api_key',
      'x-auth-token',
      'cookie',
      'clientSecret',
      'credentials',
      'accessKeyId'
    ])
      expect(isSecretKey(name), name).to.equal(true)
    for (const name of ['collection', 'id', 'key', 'partition', 'provider', 'sort_key', 'author'])
      expect(isSecretKey(name), name).to.equal(false)
  })
})
