import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createAtomicFolder, inodeOf, isPublished } from '../../lib/engine/atomic-file.ts'
import type { AtomicFolder } from '../../lib/engine/atomic-file.ts'

/** A folder is replaced by two renamings: a process may be killed between them, or behind them. */
describe('engine: atomic folder over an old one', () => {
  let parent: string
  let place: string
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'docferry-atomic-'))
    place = join(parent, 'out')
    fill(place, 'old')
  })
  afterEach(() => rmSync(parent, { recursive: true, force: true }))

  const fill = (folder: string, text: string): void => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'file'), text)
  }
  const textAt = (folder: string): string => readFileSync(join(folder, 'file'), 'utf8')
  const begin = async (): Promise<AtomicFolder> => {
    const folder = await createAtomicFolder(place, { overwrite: true })
    fill(folder.partial, 'new')
    return folder
  }
  const goOn = ({ partial }: AtomicFolder): Promise<AtomicFolder> => createAtomicFolder(place, { overwrite: true, resume: { partial } })
  const asideOf = ({ partial }: AtomicFolder): string => partial.replace('.partial-', '.replaced-')

  it('takes its place and leaves nothing beside it', async () => {
    await (await begin()).commit()
    expect(textAt(place)).to.equal('new')
    expect(readdirSync(parent)).to.deep.equal(['out'])
  })

  it('keeps the old one, by a name that says so, until the new one has its place', async () => {
    const folder = await begin()
    renameSync(place, asideOf(folder))
    expect(textAt(asideOf(folder))).to.equal('old')
    await (await goOn(folder)).commit()
    expect(textAt(place)).to.equal('new')
    expect(readdirSync(parent)).to.deep.equal(['out'])
  })

  it('takes its place where another has taken it meanwhile', async () => {
    const folder = await begin()
    renameSync(place, asideOf(folder))
    fill(place, 'other')
    await (await goOn(folder)).commit()
    expect(textAt(place)).to.equal('new')
    expect(readdirSync(parent)).to.deep.equal(['out'])
  })

  it('clears the old one away when it finds that the new one has its place', async () => {
    const folder = await begin()
    const inode = await inodeOf(folder.partial)
    renameSync(place, asideOf(folder))
    renameSync(folder.partial, place)
    expect(await isPublished(place, { partial: folder.partial, inode })).to.equal(true)
    expect(textAt(place)).to.equal('new')
    expect(readdirSync(parent)).to.deep.equal(['out'])
  })

  it('leaves the old one alone when it does not come to its end', async () => {
    await (await begin()).discard()
    expect(textAt(place)).to.equal('old')
    expect(readdirSync(parent)).to.deep.equal(['out'])
  })
})
