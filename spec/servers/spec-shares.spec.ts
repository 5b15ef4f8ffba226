import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { projectFolder } from '../../scripts/servers/tools.ts'
import { measured, shareOut } from '../../scripts/spec-shares.ts'

describe('shares of spec files', () => {
  const files = ['a', 'b', 'cli/c', 'd', 'e'].map(name => `spec/${name}.spec.ts`)

  it('take about as long as each other', () => {
    const seconds = { a: 5, b: 30, 'cli/c': 10, d: 14 }
    expect(shareOut(files, 2, seconds)).to.deep.equal([['spec/b.spec.ts'], ['a', 'cli/c', 'd', 'e'].map(name => `spec/${name}.spec.ts`)])
  })

  it('hold each file once', () => {
    const shares = shareOut(files, 3, { a: 100, d: 100 })
    expect(shares.flat().toSorted((a, b) => a.localeCompare(b))).to.deep.equal(files)
  })

  it('are one where there is little to do, and never empty', () => {
    expect(shareOut(files, 2, { a: 10, d: 5 })).to.deep.equal([files])
    expect(shareOut(['spec/a.spec.ts'], 2, { a: 100 })).to.deep.equal([['spec/a.spec.ts']])
    expect(shareOut([], 2)).to.deep.equal([])
  })

  it('are made by times of files that exist', () => {
    const missing = Object.keys(measured).filter(name => !existsSync(join(projectFolder(), 'spec', `${name}.spec.ts`)))
    expect(missing).to.deep.equal([])
  })
})
