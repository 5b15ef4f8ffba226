/**
 * The command line and the library in few files: most of what a start takes is to find and read modules one by one. What belongs together stands
 * in one file; connectors, stages and whatever only some commands need stay files of their own, which are loaded when they are wanted. Of the packages,
 * those of many files are among these, as far as they are used; vendors' SDKs and the rest stay packages, which can be brought up to date by themselves.
 */
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build } from 'esbuild'
import type { BuildOptions, BuildResult, Plugin } from 'esbuild'
import { projectFolder } from './servers/tools.ts'

const root = projectFolder()
const lib = join(root, 'lib')
const outdir = join(root, 'dist/bundle')

const main = join(lib, 'cli/main.ts')
const index = join(lib, 'index.ts')
const threads = ['thread.ts', 'pack-in-thread.ts'].map(file => join(lib, 'work', file))

const sources = readdirSync(lib, { recursive: true, encoding: 'utf8' }).flatMap(file => (file.endsWith('.ts') ? [join(lib, file)] : []))
const isCommand = (path: string): boolean => dirname(path) === join(lib, 'cli/commands')

/** Modules that are wanted together, with all that they import. */
const groups: Readonly<Record<string, readonly string[]>> = {
  /** The options of all commands. */
  'docferry:commands': sources.filter(isCommand),
  /** What every move of documents needs. */
  'docferry:move': ['cli/execute.ts', 'run.ts', 'connectors/file/index.ts', 'connectors/memory/index.ts'].map(path => join(lib, path))
}

/** The log's package, which is loaded with the first line that is written: a file that can be required. */
const pino = { load: "createRequire(import.meta.url)('pino')", file: 'pino.cjs' }

/** Packages whose code is in the bundle. */
const taken = new Set(['commander', 'jsonata', 'mingo', 'pino', 'yaml'])
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly dependencies: object }
const left = Object.keys(dependencies).filter(name => !taken.has(name))

/**
 * The bundler puts those modules into one file that the same entries need, and each dynamic import makes an entry. So that a group is not cut up
 * by what of it some entry does without, each entry imports the whole of it.
 */
const grouping: Plugin = {
  name: 'grouping',
  setup(hooks) {
    hooks.onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) =>
      kind === 'dynamic-import' ? { path: join(resolveDir, path), namespace: 'entry' } : undefined
    )
    hooks.onResolve({ filter: /index\.ts$/ }, ({ kind, path }) => (kind === 'entry-point' ? { path, namespace: 'entry' } : undefined))
    hooks.onResolve({ filter: /^docferry:/ }, ({ path }) => ({ path, namespace: 'group' }))
    hooks.onLoad({ filter: /.*/, namespace: 'entry' }, ({ path }) => {
      const group = isCommand(path) ? 'docferry:commands' : 'docferry:move'
      return { contents: `export * from ${JSON.stringify(path)}\nimport '${group}'`, resolveDir: lib }
    })
    hooks.onLoad({ filter: /.*/, namespace: 'group' }, ({ path }) => ({
      contents: groups[path]!.map(member => `import ${JSON.stringify(member)}`).join('\n'),
      resolveDir: lib
    }))
  }
}

/** Modules find what lies beside them. */
const homes: Plugin = {
  name: 'homes',
  setup(hooks) {
    hooks.onLoad({ filter: /\.ts$/, namespace: 'file' }, ({ path }) => {
      const [first = '', ...others] = readFileSync(path, 'utf8').split(pino.load)
      const homed = [first, ...others].map(part => part.replaceAll('import.meta.url', homeOf(path)))
      return { contents: homed.join(pino.load.replace('pino', `./${pino.file}`)), loader: 'ts' }
    })
  }
}

/** Where the module stands that is not bundled: what lies beside it, such as the kernel's code, is found there; but the code of threads is bundled too. */
function homeOf(path: string): string {
  if (path === join(lib, 'work/thread-file.ts')) return 'import.meta.url'
  const compiled = join(root, 'dist/lib', relative(lib, path)).replace(/ts$/, 'js')
  return `new URL(${JSON.stringify(relative(outdir, compiled))}, import.meta.url).href`
}

/** What the licences of packages whose code is in the bundle want told. */
function noticesOf(built: readonly BuildResult[]): string[] {
  const files = built.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}))
  const folders = files.flatMap(path => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [])
  return [...new Set(folders)].sort().map(folder => {
    const licence = readdirSync(join(root, folder)).find(name => /^licen[cs]e/i.test(name))
    if (licence === undefined) throw new Error(`${folder} has no licence to pass on`)
    return `${folder.replace(/^.*node_modules\//, '')}\n\n${readFileSync(join(root, folder, licence), 'utf8').trim()}\n`
  })
}

const common: BuildOptions = {
  absWorkingDir: root,
  outdir,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  external: left.flatMap(name => [name, `${name}/*`]),
  sourcesContent: false,
  logLevel: 'warning',
  metafile: true
}
const modules: BuildOptions = {
  ...common,
  entryNames: '[name]',
  splitting: true,
  format: 'esm',
  sourcemap: 'linked',
  // CommonJS that is taken in asks for Node's own modules.
  banner: { js: "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url)" }
}

rmSync(outdir, { recursive: true, force: true })
const built = [
  await build({ ...modules, entryPoints: [main, index], chunkNames: '[name]-[hash]', plugins: [grouping, homes] }),
  // By themselves, for they need little of what a move does.
  await build({ ...modules, entryPoints: threads, chunkNames: 'thread-[name]-[hash]', plugins: [homes] }),
  await build({ ...common, entryPoints: [{ in: 'pino', out: 'pino' }], format: 'cjs', outExtension: { '.js': '.cjs' } })
]
chmodSync(join(outdir, 'main.js'), 0o755)
writeFileSync(join(outdir, 'LICENCES.txt'), noticesOf(built).join('\n----\n\n'))
