import { expect } from 'chai'
import type { Backup } from '../../lib/contracts/backup.ts'
import { waitForBackups } from '../../lib/backup/wait.ts'
import { DocferryError } from '../../lib/errors.ts'
import { scriptedBackups } from '../support/scripted-backups.ts'

const running = (id: string): Backup => ({ id, kind: 'backup', state: 'running' })
const available = (id: string): Backup => ({ id, kind: 'backup', state: 'available' })
const throttled = () => new DocferryError('DOCFERRY_THROTTLED', 'slower', { retryable: true })
const missing = () => new DocferryError('DOCFERRY_NO_SUCH_BACKUP', 'no such backup')
const pollMs = 1

async function failed(work: Promise<unknown>): Promise<DocferryError> {
  try {
    await work
  } catch (error) {
    return error as DocferryError
  }
  throw new Error('it did not fail')
}

describe('backup: waiting', () => {
  it('asks until each is done, and no longer', async () => {
    const { service, calls } = scriptedBackups({ looks: { a: [running('a'), available('a')], b: [available('b')] } })
    const seen: string[] = []
    const ended = await waitForBackups(service, [running('a'), running('b')], {
      pollMs,
      onLook: all => seen.push(all.map(({ state }) => state).join(' '))
    })
    expect(ended.map(({ state }) => state)).to.deep.equal(['available', 'available'])
    expect(calls).to.deep.equal(['status a', 'status b', 'status a'])
    expect(seen).to.deep.equal(['running running', 'running available', 'available available'])
  })

  it('asks nothing of what is done or was never begun', async () => {
    const { service, calls } = scriptedBackups({})
    const begun: Backup[] = [available('a'), { id: '', kind: 'backup', state: 'failed' }]
    expect(await waitForBackups(service, begun, { pollMs })).to.deep.equal(begun)
    expect(calls).to.deep.equal([])
  })

  it('tells a failure as one, and goes on with the others', async () => {
    const { service } = scriptedBackups({ looks: { a: [{ ...running('a'), state: 'failed' }], b: [running('b'), available('b')] } })
    const ended = await waitForBackups(service, [running('a'), running('b')], { pollMs })
    expect(ended.map(({ state }) => state)).to.deep.equal(['failed', 'available'])
  })

  it('asks again where asking fails for a while', async () => {
    const { service } = scriptedBackups({ looks: { a: [throttled(), throttled(), running('a'), throttled(), available('a')] } })
    let retries = 0
    const ended = await waitForBackups(service, [running('a')], { pollMs, attempts: 3, onRetry: () => retries++ })
    expect(ended).to.deep.equal([available('a')])
    expect(retries).to.equal(3)
  })

  it('gives up where asking fails for good, with the error', async () => {
    const { service, calls } = scriptedBackups({ looks: { a: [throttled()] } })
    expect(await failed(waitForBackups(service, [running('a')], { pollMs, attempts: 3 }))).to.include({ code: 'DOCFERRY_THROTTLED' })
    expect(calls).to.have.length(3)
  })

  it('gives up at once on an error that does not pass', async () => {
    const { service, calls } = scriptedBackups({ looks: { a: [new DocferryError('DOCFERRY_PERMISSION', 'no')] } })
    expect(await failed(waitForBackups(service, [running('a')], { pollMs }))).to.include({ code: 'DOCFERRY_PERMISSION' })
    expect(calls).to.have.length(1)
  })

  it('knows that what was just begun may not be known everywhere yet', async () => {
    const { service } = scriptedBackups({ looks: { a: [missing(), missing(), available('a')] } })
    expect(await waitForBackups(service, [running('a')], { pollMs })).to.deep.equal([available('a')])
  })

  it('never takes what has gone for done', async () => {
    const { service } = scriptedBackups({ looks: { a: [running('a'), missing()] } })
    expect(await failed(waitForBackups(service, [running('a')], { pollMs }))).to.include({ code: 'DOCFERRY_NO_SUCH_BACKUP' })
  })

  it('ends after the time that was given, with what is still running', async () => {
    const { service } = scriptedBackups({ looks: { a: [running('a')] } })
    expect(await waitForBackups(service, [running('a')], { pollMs, timeoutMs: 20 })).to.deep.equal([running('a')])
  })

  it('does not ask for ever where the service answers in a word that is not known', async () => {
    const { service, calls } = scriptedBackups({ looks: { a: [{ ...running('a'), state: 'unknown' }] } })
    const [ended] = await waitForBackups(service, [running('a')], { pollMs })
    expect(ended).to.include({ state: 'unknown' })
    expect(calls).to.have.length(20)
  })

  it('ends at once when it is interrupted, also between two questions', async () => {
    const controller = new AbortController()
    const reason = new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted')
    const { service, calls } = scriptedBackups({ looks: { a: [running('a')] } })
    const waiting = waitForBackups(service, [running('a')], { pollMs: 3_600_000, signal: controller.signal })
    controller.abort(reason)
    expect(await failed(waiting)).to.equal(reason)
    expect(calls).to.deep.equal([])
  })
})
