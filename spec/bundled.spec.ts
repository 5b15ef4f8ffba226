import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { calledFolder, compile, headOfCode } from '../scripts/bundle/bundled.ts'
import * as library from '../lib/index.ts'
import { commonJsOf } from '../scripts/bundle/common-js.ts'
import { projectFolder } from '../scripts/servers/tools.ts'

const bundle = join(projectFolder(), 'dist/bundle')

describe('modules of the bundle', () => {
  let folder: string
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'docferry-bundled-'))))
  after(() => rmSync(folder, { recursive: true, force: true }))

  /** In a process with the flags of a start. */
  function node(...args: readonly string[]): string {
    return execFileSync(process.execPath, args, { encoding: 'utf8', cwd: folder })
  }

  it('come with code that V8 takes', () => {
    const script = `const { compile } = require(${JSON.stringify(join(bundle, 'bundled.js'))})
      for (const name of process.argv.slice(1)) console.log(compile(name).cachedDataRejected)`
    const names = readdirSync(bundle).filter(name => name.endsWith('.code'))
    const paths = names.map(name => join(bundle, name.replace(/\.code$/, '')))
    expect(names).to.include.members(['entry-main.js.code', 'pino.js.code'])
    expect(
      node('-e', script, ...paths)
        .trim()
        .split('\n')
    ).to.deep.equal(paths.map(() => 'false'))
  })

  it('do not tell where they were built, nor take themselves for somebody else where they are moved', () => {
    for (const name of readdirSync(bundle).filter(name => name.endsWith('.code')))
      expect(readFileSync(join(bundle, name)).includes(projectFolder()), name).to.equal(false)
    expect(node('-e', `console.log(require(${JSON.stringify(join(bundle, 'bundled.js'))}).calledFolder)`).trim()).to.equal(calledFolder)
  })

  it('are compiled anew where their code is spoilt, or that of another text', () => {
    const name = 'entry-main.js'
    const [text, kept] = [readFileSync(join(bundle, name)), readFileSync(join(bundle, `${name}.code`))]
    const spoilt = Buffer.from(kept)
    spoilt[spoilt.length >> 1]! ^= 1
    const ofAnother = Buffer.concat([headOfCode(Buffer.from('another'), kept.subarray(64)), kept.subarray(64)])
    copyFileSync(join(bundle, name), join(folder, name))
    for (const code of [spoilt, ofAnother, kept.subarray(0, 100), Buffer.alloc(0)]) {
      writeFileSync(join(folder, `${name}.code`), code)
      // it says so only where it was given code
      expect(compile(join(folder, name)).cachedDataRejected).to.equal(undefined)
    }
    expect(text.length).to.be.greaterThan(0)
  })

  it('show an importing module all that the library exports', () => {
    const script = `import * as all from ${JSON.stringify(join(bundle, 'index.js'))}; console.log(JSON.stringify(Object.keys(all)))`
    const names = JSON.parse(node('--input-type=module', '-e', script)) as string[]
    expect(names).to.include.members(Object.keys(library))
  })

  it('are the same ones for who requires them', () => {
    const script = `import * as all from ${JSON.stringify(join(bundle, 'index.js'))}; import { createRequire } from 'node:module'
      console.log(createRequire(import.meta.url)(${JSON.stringify(join(bundle, 'index.js'))}).DocferryError === all.DocferryError)`
    expect(node('--input-type=module', '-e', script).trim()).to.equal('true')
  })
})

describe('an ES module as the body of a function', () => {
  it('binds what it imports, and gives what it exports', () => {
    const code =
      'import a from "x";\nimport {\n  b,\n  c as d\n} from "./y.js";\nimport "./z.js";\nexport {\n  a,\n  d as e\n};\nexport default b;'
    expect(commonJsOf(code)).to.equal(
      'const a = require("x");\nconst {\n  b,\n  c: d\n} = loadBundled("y.js");\nloadBundled("z.js");\nObject.assign(exports, {\n  a,\n  e: d\n});\nexports.default = b;'
    )
  })

  it('loads what it imports later, and asks Node for what is not of the bundle', () => {
    expect(commonJsOf('f(import("./y.js"), import("jiti"), x.import(y), import.meta.url)')).to.equal(
      'f(Promise.resolve().then(() => loadBundled("y.js")), importModule("jiti"), x.import(y), metaUrl)'
    )
  })

  it('is refused in a form that is not known', () => {
    expect(() => commonJsOf('export const a = 1')).to.throw('no form of an import or export that is known: export const a = 1')
    expect(() => commonJsOf('var init_x = __esm({})')).to.throw('read too early')
  })
})
