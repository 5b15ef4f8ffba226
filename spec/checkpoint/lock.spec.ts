import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { expect } from 'chai'
import { holderOf, takeLock } from '../../lib/checkpoint/lock.ts'

const lockModule = new URL(`../../lib/checkpoint/lock.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url).href
const loader = import.meta.url.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : []

/** Takes the lock once it is told to, says how that went, and stays. */
const contender = `
const { takeLock } = await import(${JSON.stringify(lockModule)})
process.stdout.write('ready ')
process.stdin.once('data', () => takeLock(process.argv[1], 'run x').then(() => process.stdout.write('held'), error => process.stdout.write(error.code)))
process.stdin.on('end', () => process.exit())
`

describe('checkpoint: lock', () => {
  let folder: string
  const children: ChildProcess[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-lock-'))
  })
  afterEach(async () => {
    for (const child of children.splice(0)) await end(child)
    rmSync(folder, { recursive: true, force: true })
  })

  it('says that nothing can be written where it would be', async () => {
    const error = await takeLock(join(folder, 'gone'), 'run x').catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_STATE' })
    expect((error as Error).message).to.include("gone can't be locked: ENOENT")
  })

  it('is released where a file has come in the place of its folder', async () => {
    const inner = join(folder, 'inner')
    mkdirSync(inner)
    const lock = await takeLock(inner, 'run x')
    rmSync(inner, { recursive: true })
    writeFileSync(inner, '')
    await lock.release()
  })

  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const contend = (): { child: ChildProcess; says(words: RegExp): Promise<string> } => {
    const child = spawn(process.execPath, [...loader, '--input-type=module', '-e', contender, folder], {
      stdio: ['pipe', 'pipe', 'inherit']
    })
    children.push(child)
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    return {
      child,
      async says(words) {
        while (!words.test(said)) await once(child.stdout, 'data')
        return said
      }
    }
  }
  const write = (name: string, holder: object): void => writeFileSync(join(folder, name), JSON.stringify(holder))
  const refusal = async (): Promise<Error> => {
    const error = await takeLock(folder, 'run x').catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_RUN_BUSY' })
    return error as Error
  }

  it('is held until it is released', async () => {
    const lock = await takeLock(folder, 'run x')
    expect(await holderOf(folder)).to.include({ pid: process.pid })
    expect((await refusal()).message)
      .to.include('run x')
      .and.include(`process ${process.pid}`)
    await lock.release()
    expect(await holderOf(folder)).to.equal(undefined)
    await (await takeLock(folder, 'run x')).release()
    expect(readdirSync(folder)).to.deep.equal([])
  })

  it('is held by another process while that lives, and not a moment longer', async () => {
    const other = contend()
    await other.says(/ready/)
    other.child.stdin!.write('go')
    await other.says(/held/)
    expect((await refusal()).message).to.include(`process ${other.child.pid}`)
    await end(other.child)
    expect(await holderOf(folder)).to.equal(undefined)
    await (await takeLock(folder, 'run x')).release()
  })

  it('goes to one only of many that find a dead process at once', async () => {
    const dead = contend()
    await dead.says(/ready/)
    dead.child.stdin!.write('go')
    await dead.says(/held/)
    await end(dead.child)
    const others = Array.from({ length: 6 }, contend)
    await Promise.all(others.map(({ says }) => says(/ready/)))
    for (const { child } of others) child.stdin!.write('go')
    const said = await Promise.all(others.map(({ says }) => says(/held|DOCFERRY/)))
    expect(said.filter(text => text.includes('held'))).to.have.length(1)
    expect(said.filter(text => text.includes('DOCFERRY_RUN_BUSY'))).to.have.length(5)
  })

  it('goes to one only of many in this process', async () => {
    const taken = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(folder, 'run x')))
    expect(taken.filter(({ status }) => status === 'fulfilled')).to.have.length(1)
  })

  it('is not held by a process that has the number of a dead one', async () => {
    write('lock-3', { pid: process.pid, host: hostname(), began: 'another time' })
    const lock = await takeLock(folder, 'run x')
    expect(readdirSync(folder)).to.deep.equal(['lock-4'])
    await lock.release()
  })

  it('is not held by a dead process whose parent has not asked for its end', async function () {
    if (!existsSync('/proc/self/stat')) this.skip()
    // The shell becomes a process that never asks for its children's ends; only then may its child end.
    const script = 'head -c1 <&3 >/dev/null & echo $!; exec sleep 60'
    const parent = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore', 'pipe'] })
    children.push(parent)
    const [text] = (await once(parent.stdout!, 'data')) as [Buffer]
    const pid = Number(text.toString())
    while (!readFileSync(`/proc/${parent.pid}/comm`, 'utf8').startsWith('sleep')) await new Promise(resolve => setImmediate(resolve))
    ;(parent.stdio[3] as Writable).write('.')
    while (!/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) await new Promise(resolve => setImmediate(resolve))
    write('lock-1', { pid, host: hostname() })
    expect(await holderOf(folder)).to.equal(undefined)
  })

  it('is taken to be held by a process of another machine, of which nothing can be said', async () => {
    write('lock-1', { pid: 1, host: `not-${hostname()}` })
    expect((await refusal()).message)
      .to.include(`on not-${hostname()}`)
      .and.include('remove the lock file')
  })

  it('is not held by what is no lock', async () => {
    write('lock-1', {})
    writeFileSync(join(folder, 'lock-2'), '{"pid":')
    expect(await holderOf(folder)).to.equal(undefined)
  })

  it('keeps nobody out for whom it was refused', async () => {
    const lock = await takeLock(folder, 'run x')
    await refusal()
    await lock.release()
    expect(readdirSync(folder)).to.deep.equal([])
  })

  describe('what is left of a process that was killed while it took the lock', () => {
    const minutesAgo = (name: string, minutes: number): void => {
      const at = Date.now() / 1000 - minutes * 60
      utimesSync(join(folder, name), at, at)
    }
    const left = async (): Promise<string[]> => {
      await (await takeLock(folder, 'run x')).release()
      return readdirSync(folder)
    }
    const deadPid = async (): Promise<number> => {
      const child = spawn(process.execPath, ['-e', ''])
      await once(child, 'exit')
      return child.pid!
    }

    it('is cleared away', async () => {
      const pid = await deadPid()
      write(`lock.${pid}-01234567`, { pid, host: hostname() })
      expect(await left()).to.deep.equal([])
    })

    it('is cleared away where it is torn, once it is old', async () => {
      const name = `lock.${await deadPid()}-01234567`
      writeFileSync(join(folder, name), '{"pid":')
      expect(await left()).to.deep.equal([name])
      minutesAgo(name, 11)
      expect(await left()).to.deep.equal([])
    })

    it('stays where the process lives, or is of another machine', async () => {
      const names = [`lock.${process.pid}-01234567`, 'lock.1-01234567']
      write(names[0]!, { pid: process.pid, host: hostname() })
      write(names[1]!, { pid: 1, host: `not-${hostname()}` })
      for (const name of names) minutesAgo(name, 60)
      expect((await left()).sort()).to.deep.equal(names.sort())
    })

    it('stays where it is something else', async () => {
      writeFileSync(join(folder, 'lock.txt'), '')
      expect(await left()).to.deep.equal(['lock.txt'])
    })
  })
})
