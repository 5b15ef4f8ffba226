import { expect } from 'chai'
import { advice } from '../../lib/cli/advice.ts'
import { errorJson, errorLines, exitCodeFor } from '../../lib/cli/exit.ts'
import { createMask } from '../../lib/cli/secrets.ts'
import { DocferryError, errorTable } from '../../lib/errors.ts'
import type { ErrorCode } from '../../lib/errors.ts'
import { fakeReport } from './support/fake-run.ts'

const mask = createMask([])

describe('cli: errors', () => {
  it('says what failed, its code, where, and what to try', () => {
    const error = new DocferryError('DOCFERRY_CONNECT', 'cannot reach http://host:5984', {
      provider: 'couchdb',
      collection: 'agents',
      id: 'a1'
    })
    expect(errorLines(error, { mask })).to.deep.equal([
      'docferry: cannot reach http://host:5984',
      '  DOCFERRY_CONNECT: a server cannot be reached, or stopped answering (exit 10)',
      '  where: couchdb, collection agents, document a1',
      `  try: ${advice.DOCFERRY_CONNECT}`
    ])
  })

  it('speaks of room where a disk is full', () => {
    for (const code of ['ENOSPC', 'EDQUOT']) {
      const cause = new DocferryError('DOCFERRY_STATE', 'a list', { cause: Object.assign(new Error('write'), { code }) })
      for (const error of [cause, new DocferryError('DOCFERRY_CONFIG', 'a file can not be written', { cause })]) {
        expect(errorLines(error, { mask }).at(-1)).to.equal('  try: make room on that disk, or name a place on another one')
        expect(errorJson(error, mask).try).to.include('make room')
      }
    }
    const other = new DocferryError('DOCFERRY_STATE', 'x', { cause: Object.assign(new Error('write'), { code: 'EACCES' }) })
    expect(errorJson(other, mask).try).to.equal(advice.DOCFERRY_STATE)
  })

  it('names the command that goes on once there is room for the state of a run', () => {
    const failure = (code: string) => new DocferryError('DOCFERRY_STATE', 'x', { cause: Object.assign(new Error('write'), { code }) })
    const goOn = 'docferry resume R --state-dir "s"'
    expect(errorJson(failure('ENOSPC'), mask, goOn).try).to.equal(`make room on the disk of the state folder; then go on: ${goOn}`)
    expect(errorJson(failure('EFBIG'), mask, goOn).try)
      .to.include('ulimit -f')
      .and.include(goOn)
    expect(errorJson(failure('EACCES'), mask, goOn).try).to.equal(advice.DOCFERRY_STATE)
  })

  it("speaks of this machine's clock, and not of credentials, where that is wrong", () => {
    const error = new DocferryError('DOCFERRY_AUTH', 'DynamoDB refuses the time of a request: the clock of this machine is wrong')
    expect(errorJson(error, mask).try).to.include('clock').and.not.include('password')
  })

  it('speaks of the size that a file may have where that is the limit, and not of room', () => {
    const cause = new DocferryError('DOCFERRY_TARGET', 'a file', { cause: Object.assign(new Error('write'), { code: 'EFBIG' }) })
    expect(errorJson(new DocferryError('DOCFERRY_CONFIG', 'a list', { cause }), mask).try)
      .to.include('ulimit -f')
      .and.not.include('make room')
  })

  it('shows a stack and causes only in debug', () => {
    const error = new DocferryError('DOCFERRY_READ', 'cut', { cause: new Error('ECONNRESET') })
    expect(errorLines(error, { mask }).join('\n')).not.to.include('    at ')
    expect(errorLines(error, { mask, debug: true }).join('\n'))
      .to.include('    at ')
      .and.include('caused by: ECONNRESET')
  })

  it('calls an unknown error a bug and never inspects it', () => {
    const vendor = Object.assign(new TypeError('boom'), { credentials: { private_key: 's3cret' } })
    const text = errorLines(vendor, { mask }).join('\n')
    expect(text)
      .to.include('docferry: TypeError: boom')
      .and.include('a bug in docferry (exit 1)')
      .and.include('    at ')
      .and.not.include('s3cret')
  })

  it('prints what is no error at all', () => {
    expect(errorLines('a string', { mask })[0]).to.equal('docferry: a string')
  })

  it('takes secrets out of messages and causes', () => {
    const known = createMask(
      ['node', 'docferry', '--source', 'couchdb://admin:p@ss%2Fword@host', '--target', 'x://y?secretAccessKey=abcd1234&passwordEnv=NAMED'],
      { COUCHDB_PASSWORD: 'env-pass', NAMED: 'other-pass' }
    )
    const error = new DocferryError('DOCFERRY_AUTH', 'p@ss/word p@ss%2Fword abcd1234 env-pass other-pass http://u:zzz@h NAMED', {
      cause: new Error('p@ss/word')
    })
    const text = errorLines(error, { mask: known, debug: true }).join('\n')
    for (const secret of ['p@ss', 'abcd1234', 'env-pass', 'other-pass', 'zzz']) expect(text).not.to.include(secret)
    expect(text).to.include('NAMED')
  })

  it('leaves alone what is only made up for an emulator', () => {
    const mask = createMask([], { AWS_SECRET_ACCESS_KEY: 'local', AWS_SESSION_TOKEN: 'x'.repeat(40) })
    expect(mask(`local ${'x'.repeat(40)}`)).to.equal('local ***')
  })

  it('keeps its own words where a secret is one of them', () => {
    const known = createMask([], { COUCHDB_PASSWORD: 'docferry' })
    expect(errorLines(new DocferryError('DOCFERRY_READ', 'cut'), { mask: known })[0]).to.equal('docferry: cut')
  })

  it('advises to go on only where something goes on', () => {
    const many = new DocferryError('DOCFERRY_MAX_FAILURES', 'many')
    expect(errorLines(many, { mask }).join('\n')).not.to.include('try:')
    expect(errorLines(many, { mask, goOn: 'docferry resume a' })).to.include('  try: go on: docferry resume a')
    const read = errorLines(new DocferryError('DOCFERRY_READ', 'cut'), { mask, goOn: 'docferry resume a' })
    expect(read).to.include('  try: see that the source is there, and that it can be read; then go on: docferry resume a')
    expect(errorLines(new DocferryError('DOCFERRY_CONFIG', 'wrong'), { mask, goOn: 'docferry resume a' }).join('\n')).not.to.include(
      'resume'
    )
  })

  it('advises to go on with an output in whose place something stands only where it was begun', () => {
    const taken = new DocferryError('DOCFERRY_OUTPUT_EXISTS', 'x was made by somebody else')
    expect(errorLines(taken, { mask })).to.have.length(2)
    expect(errorLines(taken, { mask, goOn: 'docferry resume a' }).at(-1)).to.match(
      /try: once nothing stands in its place .*docferry resume a$/
    )
  })

  for (const code of ['DOCFERRY_RUN_UNFIT', 'DOCFERRY_NO_SUCH_RUN', 'DOCFERRY_RUN_BUSY'] as const) {
    it(`leaves the word to the message of ${code}`, () => {
      expect(errorLines(new DocferryError(code, 'docferry runs lists them'), { mask })).to.have.length(2)
    })
  }

  it('has an exit code for every code', () => {
    for (const code of Object.keys(errorTable) as ErrorCode[])
      expect(exitCodeFor({ error: new DocferryError(code, '') })).to.equal(errorTable[code].exit)
    expect(exitCodeFor({ error: new Error() })).to.equal(1)
  })

  it('never exits 0 when documents failed', () => {
    expect(exitCodeFor({ report: fakeReport({ state: 'partial' }) })).to.equal(40)
    expect(exitCodeFor({ report: fakeReport({ state: 'done' }) })).to.equal(0)
  })

  it('tells a program code, message and place', () => {
    expect(errorJson(new DocferryError('DOCFERRY_DECODE', 'bad line', { where: 'line 3' }), mask)).to.deep.include({
      code: 'DOCFERRY_DECODE',
      message: 'bad line',
      where: 'line 3'
    })
  })
})
