import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { launch } from '../../scripts/servers/launch.ts'
import type { LaunchOptions } from '../../scripts/servers/launch.ts'

/** A node program as a server; `port` is its first argument. */
function program(source: string, options: Partial<LaunchOptions> = {}): LaunchOptions {
  return {
    name: 'test server',
    command: process.execPath,
    args: port => ['-e', `const port = Number(process.argv[1]); ${source}`, String(port)],
    // The program needs no loader of this process's.
    env: { NODE_OPTIONS: '' },
    isReady: async (port, _output, signal) => (await fetch(`http://127.0.0.1:${port}/`, { signal })).ok,
    ...options
  }
}

const web = `require('http').createServer((q, s) => s.end('ok')).listen(port, '127.0.0.1')`

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise(resolve => setTimeout(resolve, 20))
}

describe('servers: launch', () => {
  it('resolves when the server answers, and stops it by its own process id', async () => {
    const server = await launch(program(web))
    expect((await fetch(`http://127.0.0.1:${server.port}/`)).status).to.equal(200)
    expect(isAlive(server.pid)).to.equal(true)
    await server.stop()
    expect(isAlive(server.pid)).to.equal(false)
    await server.stop()
  })

  it('kills a server that does not stop when asked', async () => {
    const server = await launch(program(`process.on('SIGTERM', () => {}); ${web}`, { stopDeadlineMs: 100 }))
    await server.stop()
    expect(isAlive(server.pid)).to.equal(false)
  })

  it('says what a server printed that did not start', async () => {
    const failure = await launch(program(`console.error('no room left'); process.exit(3)`)).catch((error: Error) => error)
    expect(failure).to.be.instanceOf(Error)
    expect((failure as Error).message).to.match(/^test server did not start[^]*no room left/)
  })

  it('says so when the command is missing', async () => {
    const failure = await launch(program('', { command: 'no-such-command-anywhere' })).catch((error: Error) => error)
    expect((failure as Error).message).to.match(/^test server did not start[^]*not found/)
  })

  it('tries another port when its first was taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const taken = (other.address() as AddressInfo).port
    const asked: number[] = []
    const args = (port: number): string[] => {
      asked.push(port)
      return ['-e', web.replace('port', 'Number(process.argv[1])'), String(asked.length === 1 ? taken : port)]
    }
    const server = await launch(program('', { args }))
    expect(asked).to.have.length(2)
    await server.stop()
    other.close()
  })

  it('gives up when it is told to', async () => {
    const stopping = new AbortController()
    const pids: number[] = []
    const isReady = (_port: number, output: string): Promise<boolean> => {
      const pid = /pid (\d+)/.exec(output)?.[1]
      if (pid !== undefined) {
        pids.push(Number(pid))
        stopping.abort(new Error('enough'))
      }
      return Promise.resolve(false)
    }
    const source = `console.log('pid ' + process.pid); setInterval(() => {}, 1000)`
    const failure = await launch(program(source, { isReady, signal: stopping.signal })).catch((error: Error) => error)
    expect((failure as Error).message).to.equal('enough')
    expect(isAlive(pids[0]!)).to.equal(false)
  })

  it('does not keep this process alive, nor outlives it when it is killed', async () => {
    const fromSource = import.meta.url.endsWith('.ts')
    const module = new URL(`../../scripts/servers/launch.${fromSource ? 'ts' : 'js'}`, import.meta.url).href
    const source = `
      import { launch } from ${JSON.stringify(module)}
      const server = await launch({
        name: 'inner', command: process.execPath, env: { NODE_OPTIONS: '' },
        args: port => ['-e', ${JSON.stringify(web.replace('port', 'Number(process.argv[1])'))}, String(port)],
        isReady: async port => (await fetch('http://127.0.0.1:' + port)).ok
      })
      console.log(String(server.pid))
      if (process.argv[1] === 'stay') setInterval(() => {}, 1000)`
    for (const argument of ['stay', 'leave']) {
      const loader = fromSource ? ['--import', 'tsx'] : []
      const outer = spawn(process.execPath, [...loader, '--input-type=module', '-e', source, argument], {
        stdio: ['ignore', 'pipe', 'inherit']
      })
      const exited = once(outer, 'exit')
      const [line] = (await once(createInterface(outer.stdout), 'line')) as [string]
      const inner = Number(line)
      if (argument === 'stay') {
        expect(isAlive(inner)).to.equal(true)
        outer.kill('SIGKILL')
      }
      await exited
      await untilGone(inner)
    }
  })
})
