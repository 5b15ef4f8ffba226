import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { readState, removePartialStates, writeState } from '../../lib/checkpoint/state-file.ts'

describe('checkpoint: state file', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-state-'))
    path = join(folder, 'checkpoint.json')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const messageOf = async (kind = 'checkpoint'): Promise<string> => {
    const error = await readState(path, kind).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_STATE' })
    expect((error as Error).message).to.include(path)
    return (error as Error).message
  }

  it('says that nothing can be written where a file has come in the place of the folder', async () => {
    const place = join(folder, 'file')
    writeFileSync(place, '')
    const error = await writeState(join(place, 'run.json'), 'run', {}).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_STATE' }).with.property('message').that.includes('run.json').and.includes('ENOTDIR')
  })

  it('gives back what was written', async () => {
    const content = { partitions: { 'größe/1of2': { cursor: '"}\n', done: false } }, none: null }
    await writeState(path, 'checkpoint', content)
    expect(await readState(path, 'checkpoint')).to.deep.equal(content)
  })

  it('is missing where nothing was written', async () => {
    expect(await readState(path, 'checkpoint')).to.equal(undefined)
  })

  it('is readable by its owner only, and leaves nothing beside it', async () => {
    await writeState(path, 'checkpoint', {})
    await writeState(path, 'checkpoint', { second: true })
    expect(statSync(path).mode & 0o777).to.equal(0o600)
    expect(readdirSync(folder)).to.deep.equal(['checkpoint.json'])
  })

  it('recognises a file that is cut off, wherever that is', async () => {
    await writeState(path, 'checkpoint', { cursor: 'somewhere', count: 12 })
    const whole = readFileSync(path)
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length))
      expect(await messageOf(), `${length} bytes`).to.match(/cut off|no file of docferry's/)
    }
  })

  it('recognises every changed byte', async () => {
    await writeState(path, 'checkpoint', { cursor: 'somewhere', count: 12 })
    const whole = readFileSync(path)
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole)
      changed[at]! ^= 1
      writeFileSync(path, changed)
      await messageOf()
    }
  })

  it('recognises what follows the end', async () => {
    await writeState(path, 'checkpoint', { count: 12 })
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from('}\n')]))
    expect(await messageOf()).to.include('checksum')
  })

  it('recognises a file that is not of docferry', async () => {
    writeFileSync(path, '{"partitions":{}}')
    expect(await messageOf()).to.include("no file of docferry's")
  })

  it('says which kind it found instead of the one wanted', async () => {
    await writeState(path, 'run', {})
    expect(await messageOf())
      .to.include('holds a run')
      .and.include('a checkpoint is wanted')
  })

  it('says that a newer docferry wrote it', async () => {
    await writeState(path, 'checkpoint', {})
    writeFileSync(path, readFileSync(path, 'utf8').replace('"form":1', '"form":4'))
    expect(await messageOf()).to.include('newer docferry')
  })

  it('keeps what was there where it cannot be written', async () => {
    await writeState(path, 'checkpoint', { first: true })
    const circular: { self?: object } = {}
    circular.self = circular
    expect(await writeState(path, 'checkpoint', circular).catch((error: Error) => error)).to.be.an('error')
    expect(await readState(path, 'checkpoint')).to.deep.equal({ first: true })
  })

  it('says where it cannot be written', async () => {
    const error = await writeState(join(folder, 'gone', 'run.json'), 'run', {}).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_STATE' })
    expect((error as Error).message).to.include(join('gone', 'run.json'))
  })

  it('clears away what a killed process left half written, and nothing else', async () => {
    await writeState(path, 'checkpoint', {})
    for (const name of ['.checkpoint.json.0123abcd', '.end.json.ffffffff', 'lock-1', '.hidden', 'dead-letters.ndjson'])
      writeFileSync(join(folder, name), '')
    await removePartialStates(folder)
    expect(readdirSync(folder).sort()).to.deep.equal(['.hidden', 'checkpoint.json', 'dead-letters.ndjson', 'lock-1'])
  })
})
