import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import { listenForInterruption } from '../../lib/cli/signals.ts'

function listen() {
  const process = new EventEmitter()
  const seen = { first: 0, exits: [] as number[], ends: 0, nowMs: 0 }
  const interruption = listenForInterruption({
    process,
    now: () => seen.nowMs,
    onFirst: () => seen.first++,
    onSecond: code => seen.exits.push(code),
    onExit: () => seen.ends++
  })
  return { process, seen, interruption }
}

describe('cli: signals', () => {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    it(`stops gently at the first ${name} and at once at the second`, () => {
      const { process, seen, interruption } = listen()
      process.emit(name)
      expect(interruption.signal.reason).to.have.property('code', 'DOCFERRY_INTERRUPTED')
      expect(seen).to.deep.include({ first: 1, exits: [] })
      seen.nowMs = 1000
      process.emit(name)
      expect(seen.exits).to.deep.equal([130])
    })
  }

  it('takes the same key press, handed on by npm, for one', () => {
    const { process, seen } = listen()
    process.emit('SIGINT')
    seen.nowMs = 20
    process.emit('SIGINT')
    expect(seen.exits).to.deep.equal([])
  })

  it('hears that the process ends, but for the end that it has brought about itself', () => {
    const { process, seen } = listen()
    process.emit('exit', 0)
    expect(seen.ends).to.equal(1)
    process.emit('SIGINT')
    seen.nowMs = 1000
    process.emit('SIGINT')
    process.emit('exit', 130)
    expect(seen).to.deep.include({ ends: 1, exits: [130] })
  })

  it('may be listened to by many calls at once without a warning', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): number => warnings.push(warning)
    process.on('warning', onWarning)
    const { interruption } = listen()
    for (let call = 0; call < 20; call++) interruption.signal.addEventListener('abort', () => undefined)
    await new Promise(resolve => setImmediate(resolve))
    process.off('warning', onWarning)
    expect(warnings).to.deep.equal([])
  })

  it('leaves no listener behind', () => {
    const { process, interruption } = listen()
    interruption.dispose()
    expect(process.eventNames()).to.deep.equal([])
  })
})
