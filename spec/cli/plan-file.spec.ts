import { existsSync, mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { checkPlanPlace, flagsOf, readPlanFile, savePlan } from '../../lib/cli/plan-file.ts'
import { makePlan } from '../../lib/plan/plan.ts'
import type { Plan } from '../../lib/plan/plan.ts'
import type { CollectionReport } from '../../lib/report.ts'
import { expectCode } from '../connectors/dynamodb/support.ts'
import { doneCollection, fakeReport, startMs } from './support/fake-run.ts'

const ends = { source: 'couchdb://old:5984', target: 'dynamodb' }
const given = { progress: true, logLevel: 'warn' } as const

function planOf(changes: Partial<CollectionReport> = {}, preset?: string): Plan {
  const report = fakeReport({
    dryRun: true,
    finishedAt: startMs,
    collections: [doneCollection('agents', 1, changes), doneCollection('users', 2)]
  })
  return makePlan(report, { preset })
}

describe('cli: saved plans', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-plan-'))
    path = join(folder, 'plan.json')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('are read back as they were saved, with the two ends', async () => {
    const plan = planOf()
    await savePlan(path, plan, ends)
    const { sha256, ...found } = readPlanFile(path)
    expect(found).to.deep.equal(JSON.parse(JSON.stringify({ ...plan, ends })))
    expect(sha256).to.match(/^[0-9a-f]{64}$/)
    expect(readdirSync(folder)).to.deep.equal(['plan.json'])
  })

  it('are refused when they were changed, for what is done is what was looked at', async () => {
    await savePlan(path, planOf(), ends)
    writeFileSync(path, readFileSync(path, 'utf8').replace('"natural"', '"plain"'))
    expect((await expectCode(() => readPlanFile(path), 'DOCFERRY_CONFIG')).message).to.include('was changed after it was saved')
  })

  it('replace an older plan', async () => {
    await savePlan(path, planOf(), ends)
    await savePlan(path, planOf(), { ...ends, target: 'firestore' })
    expect(readPlanFile(path).ends?.target).to.equal('firestore')
  })

  it('replace nothing else', async () => {
    for (const text of ['precious', '{"docferryPlan":', '{}']) {
      writeFileSync(path, text)
      await expectCode(savePlan(path, planOf(), ends), 'DOCFERRY_CONFIG')
      expect(readFileSync(path, 'utf8')).to.equal(text)
    }
    mkdirSync(join(folder, 'plans'))
    await expectCode(savePlan(join(folder, 'plans'), planOf(), ends), 'DOCFERRY_CONFIG')
  })

  it('need a folder that is there', async () => {
    const error = await expectCode(checkPlanPlace(join(folder, 'nowhere', 'plan.json')), 'DOCFERRY_CONFIG')
    expect(error.message).to.include(join(folder, 'nowhere', 'plan.json'))
    expect(existsSync(join(folder, 'nowhere'))).to.equal(false)
  })

  const secrets = [
    'couchdb://admin:hunter2@host:5984',
    'couchdb+https://admin:hunter2@host',
    'couchdb://:hunter2@host',
    'couchdb://host?password=hunter2',
    'dynamodb://us-east-1?secretAccessKey=hunter2',
    'dynamodb://us-east-1?sessionToken=hunter2'
  ]
  for (const source of secrets) {
    it(`keep nothing of ${source}`, async () => {
      await savePlan(path, planOf(), { ...ends, source })
      expect(readFileSync(path, 'utf8')).to.not.include('hunter2')
      expect(readPlanFile(path).ends).to.deep.equal({ target: 'dynamodb' })
    })
  }

  it('keep the name of a variable that holds a password', async () => {
    await savePlan(path, planOf(), { ...ends, source: 'couchdb://admin@host:5984?passwordEnv=NAME' })
    expect(readPlanFile(path).ends?.source).to.include('passwordEnv=NAME')
  })

  it('are refused where they are missing or broken', async () => {
    expect((await expectCode(() => readPlanFile(path), 'DOCFERRY_CONFIG')).message).to.include(`the plan ${path} can't be read`)
    writeFileSync(path, '{"docferryPlan":1}')
    expect((await expectCode(() => readPlanFile(path), 'DOCFERRY_CONFIG')).message).to.include('parts of it are missing')
    writeFileSync(path, JSON.stringify({ ...planOf(), ends: { source: 7 } }))
    await expectCode(() => readPlanFile(path), 'DOCFERRY_CONFIG')
  })

  it('become the flags of the run that they describe', () => {
    const flags = flagsOf({ ...planOf({ target: 'people' }), ends }, { ...given, parallel: 2 })
    expect(flags).to.deep.include({
      ...ends,
      ...given,
      parallel: 2,
      collections: ['agents', 'users'],
      rename: { agents: 'people' },
      onConflict: 'skip',
      onIncompatible: 'dead-letter',
      types: 'natural',
      stage: []
    })
  })

  it('name a preset instead of its collections, for names would win over it', () => {
    expect(flagsOf({ ...planOf({}, 'gofannon'), ends }, given)).to.deep.include({ preset: 'gofannon', collections: undefined })
  })

  it('say what to do where a password was in an address', async () => {
    const error = await expectCode(() => flagsOf({ ...planOf(), ends: { target: 'dynamodb' } }, given), 'DOCFERRY_USAGE')
    expect(error.message).to.include('an address that holds a password is not kept: give --source, --target')
  })
})
