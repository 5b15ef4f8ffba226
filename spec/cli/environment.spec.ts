import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { completeEnvironment, readEnvFile } from '../../lib/cli/environment.ts'

describe('cli: environment', () => {
  let cwd: string
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-env-'))
  })
  afterEach(() => rmSync(cwd, { recursive: true }))

  it('reads .env in the working directory', () => {
    writeFileSync(join(cwd, '.env'), '\uFEFFCOUCHDB_URL=http://x:5984\n# note\nCOUCHDB_PASSWORD="a b#c"\n')
    expect(readEnvFile({ cwd })).to.deep.include({ COUCHDB_URL: 'http://x:5984', COUCHDB_PASSWORD: 'a b#c' })
  })

  it('does without .env', () => {
    expect(readEnvFile({ cwd })).to.deep.equal({})
  })

  it('reads the file that was named, and fails when it is not there', () => {
    writeFileSync(join(cwd, 'other.env'), 'A=1')
    expect(readEnvFile({ cwd, file: 'other.env' })).to.deep.include({ A: '1' })
    expect(() => readEnvFile({ cwd, file: 'missing.env' }))
      .to.throw(/missing\.env cannot be read \(ENOENT\)/)
      .with.property('code', 'DOCFERRY_CONFIG')
  })

  it('lets the real environment win, even where it is empty', () => {
    const environment: NodeJS.ProcessEnv = { A: 'real', B: '' }
    completeEnvironment(environment, { A: 'file', B: 'file', C: 'file' })
    expect(environment).to.include({ A: 'real', B: '', C: 'file' })
  })

  it('keeps the SDKs quiet', () => {
    const environment: NodeJS.ProcessEnv = { FIRESTORE_EMULATOR_HOST: 'localhost:1' }
    completeEnvironment(environment, {})
    expect(environment).to.include({ AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', METADATA_SERVER_DETECTION: 'none' })
  })
})
