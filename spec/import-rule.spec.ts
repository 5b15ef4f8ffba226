/** The import rule of lib/README.md, read from the import statements of lib/. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect } from 'chai'
import { projectFolder } from '../scripts/servers/tools.ts'

interface Import {
  /** Path below lib/: `engine/retry.ts`. */
  readonly file: string
  /** Path below lib/ for a relative import, else the name as it is written. */
  readonly target: string
  readonly relative: boolean
  readonly dynamic: boolean
  /** Erased by the compiler. */
  readonly typeOnly: boolean
}

/** With what hands them on, and the packed form of documents. */
const contracts = ['contracts', 'types.ts', 'packed.ts']
const base = [...contracts, 'clock.ts', 'errors.ts', 'values']
const middle = [...base, 'report.ts', 'engine', 'kernel']
/** What run.ts is made of beside the data path itself. */
const aroundRun = [
  'open-run.ts',
  'choose-what.ts',
  'collection-states.ts',
  'interrupted.ts',
  'run-packing.ts',
  'run-records.ts',
  'run-stages.ts'
]

const upper = [
  ...middle,
  'config',
  'open.ts',
  'registry.ts',
  'stages',
  'formats',
  'checkpoint',
  'stages-of-run.ts',
  'verify',
  'plan',
  'log.ts',
  'ledger.ts',
  'run-log.ts',
  'streams.ts',
  'options.ts',
  ...aroundRun,
  'run.ts',
  'undo',
  'work'
]

const whole = [...upper, 'planner.ts', 'retry.ts', 'undo', 'repair', 'pipeline', 'several', 'backup', 'replicate', 'check', 'guide']

/** What each part of lib/ may import of the others. A connector is a part of its own. */
const allowedParts: Readonly<Record<string, readonly string[]>> = {
  'clock.ts': [],
  'errors.ts': [],
  ...Object.fromEntries(contracts.map(name => [name, base])),
  values: base,
  kernel: base,
  'report.ts': base,
  'log.ts': [...base, 'config'],
  engine: [...base, 'report.ts'],
  config: base,
  stages: [...middle, 'config', 'formats', 'registry.ts'],
  formats: middle,
  checkpoint: [...middle, 'formats'],
  connectors: [...middle, 'formats'],
  'registry.ts': [...base, 'config', 'stages'],
  'open.ts': [...middle, 'config', 'registry.ts', 'checkpoint'],
  plan: [...middle, 'config', 'stages', 'open.ts', 'checkpoint'],
  verify: [...middle, 'config', 'stages', 'formats', 'checkpoint', 'plan', 'open.ts', 'registry.ts', 'options.ts', 'stages-of-run.ts'],
  'ledger.ts': [...middle, 'checkpoint'],
  'run-log.ts': [...base, 'log.ts'],
  'streams.ts': [...middle, 'open.ts', 'stages', 'config', 'plan'],
  'options.ts': [...middle, 'config', 'open.ts', 'plan'],
  ...Object.fromEntries(aroundRun.map(name => [name, upper.filter(part => part !== 'run.ts')])),
  'run.ts': upper,
  'planner.ts': upper,
  'retry.ts': upper,
  pipeline: [...middle, 'several', 'config', 'stages', 'formats', 'registry.ts', 'open.ts', 'options.ts', 'plan'],
  'stages-of-run.ts': [...base, 'plan', 'registry.ts', 'pipeline', 'open.ts', 'checkpoint'],
  several: [...middle, 'open.ts', 'plan'],
  backup: [...middle, 'config', 'open.ts', 'registry.ts'],
  replicate: [...upper, 'repair'],
  check: [...upper, 'planner.ts', 'backup'],
  guide: [...middle, 'config', 'registry.ts'],
  undo: upper,
  work: [...middle, 'stages', 'plan', 'open-run.ts', 'stages-of-run.ts'],
  repair: upper,
  'index.ts': whole,
  cli: [...whole, 'index.ts']
}

/** npm packages by the part that may use them. */
const allowedPackages: Readonly<Record<string, RegExp>> = {
  'log.ts': /^pino$/,
  stages: /^(mingo|jsonata|ajv|ajv-formats)(\/|$)/,
  pipeline: /^(yaml|ajv|jiti)(\/|$)/,
  formats: /^stream-(json|chain)(\/|$)/,
  engine: /^stream-chain(\/|$)/,
  'streams.ts': /^stream-chain(\/|$)/,
  cli: /^(commander|diff)$/,
  'connectors/couchdb': /^nano$/,
  'connectors/firestore': /^(@google-cloud\/firestore|google-gax|@grpc\/grpc-js)(\/|$)/,
  'connectors/dynamodb': /^@(aws-sdk|smithy)\//
}

/** Besides the CLI, which owns them: `-` as a path is the process's own stream, unless the caller gives one. */
const processExceptions: Readonly<Record<string, RegExp>> = {
  'connectors/file/reader.ts': /^process\.stdin$/,
  'connectors/file/writer.ts': /^process\.stdout$/,
  // Who holds a lock is a process.
  'checkpoint/lock.ts': /^process\.(pid|kill)$/
}

const lib = join(projectFolder(), 'lib')
const files = readdirSync(lib, { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts'))
  .sort()
const code = new Map(files.map(file => [file, stripComments(readFileSync(join(lib, file), 'utf8'))]))
const imports = files.flatMap(file => importsOf(file, code.get(file)!))

function stripComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\//g, '').replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1')
}

function importsOf(file: string, text: string): Import[] {
  const found: Import[] = []
  const add = (name: string, kind: { dynamic: boolean; typeOnly: boolean }): void => {
    const relative = name.startsWith('.')
    found.push({ file, target: relative ? normalize(join(dirname(file), name)) : name, relative, ...kind })
  }
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm)) {
    add(match[2]!, { dynamic: false, typeOnly: match[1] !== undefined })
  }
  for (const match of text.matchAll(/(typeof\s+)?\b(?:import|require)\(\s*'([^']+)'/g))
    add(match[2]!, { dynamic: true, typeOnly: match[1] !== undefined })
  return found
}

/** `engine`, `run.ts`, `connectors/couchdb`. */
function partOf(path: string): string {
  const [first, second] = path.split('/')
  return first === 'connectors' ? `connectors/${second}` : first!
}

/** Files that are loaded with this one, before anything runs. */
function loadedWith(entry: string): Set<string> {
  const seen = new Set([entry])
  for (const file of seen) {
    for (const found of imports) {
      if (found.file === file && !found.dynamic && !found.typeOnly) seen.add(found.target)
    }
  }
  return seen
}

describe('import rule', () => {
  it('finds the imports', () => {
    expect(imports.length).to.be.greaterThan(files.length)
    expect(imports.filter(({ relative, target }) => relative && !code.has(target))).to.deep.equal([])
  })

  it('knows every part of lib/', () => {
    const parts = new Set(files.map(file => file.split('/')[0]!))
    expect([...parts].filter(part => allowedParts[part] === undefined)).to.deep.equal([])
  })

  it('lets each part import only those below it', () => {
    const wrong = imports.filter(({ file, target, relative, dynamic }) => {
      if (!relative || partOf(file) === partOf(target)) return false
      if (file === 'registry.ts' && dynamic && target.startsWith('connectors/')) return false
      // What a user's module imports as docferry is this very copy.
      if (file === 'pipeline/modules.ts' && dynamic && target === 'index.ts') return false
      return !allowedParts[file.split('/')[0]!]?.includes(target.split('/')[0]!)
    })
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).to.deep.equal([])
  })

  it('lets only the registry load connectors, and only when they are wanted', () => {
    const wrong = imports.filter(({ file, target, relative, dynamic }) => {
      return relative && target.startsWith('connectors/') && partOf(file) !== partOf(target) && !(file === 'registry.ts' && dynamic)
    })
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).to.deep.equal([])
  })

  it('keeps packages, and each vendor’s SDK, where they belong', () => {
    const wrong = imports.filter(
      ({ file, target, relative }) => !relative && !target.startsWith('node:') && !allowedPackages[partOf(file)]?.test(target)
    )
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).to.deep.equal([])
  })

  it('cuts lines at line feeds alone: node:readline cuts at U+2028 as well, which JSON texts may hold', () => {
    expect(imports.filter(({ target }) => /^(node:)?readline/.test(target)).map(({ file }) => file)).to.deep.equal([])
  })

  for (const entry of ['cli/main.ts', 'index.ts']) {
    it(`loads no connector and no SDK with ${entry}`, () => {
      const loaded = [...loadedWith(entry)]
      const sdks = Object.entries(allowedPackages).flatMap(([part, pattern]) => (part.startsWith('connectors/') ? [pattern] : []))
      expect(loaded.filter(name => name.startsWith('connectors/') || sdks.some(pattern => pattern.test(name)))).to.deep.equal([])
    })
  }

  it('leaves argv, environment, exit codes and the standard streams to the CLI', () => {
    const use = /\bprocess\.(?:argv|env|exit|exitCode|stdin|stdout|stderr|on|once|kill|abort)\b|\bconsole\.\w+/g
    const wrong = files.flatMap(file => {
      if (file.startsWith('cli/')) return []
      const uses = [...code.get(file)!.matchAll(use)].map(match => match[0])
      return uses.filter(name => !processExceptions[file]?.test(name)).map(name => `${file} uses ${name}`)
    })
    expect(wrong).to.deep.equal([])
  })
})
