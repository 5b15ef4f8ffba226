/**
 * The command line and the library in few files: most of what a start takes is to find and read modules one by one. What belongs together stands
 * in one file; connectors, stages and whatever only some commands need stay files of their own, which are loaded when they are wanted. Of the packages,
 * those of many files are among these, as far as they are used; vendors' SDKs and the rest stay packages, which can be brought up to date by themselves.
 */
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build } from 'esbuild'
import type { BuildOptions, BuildResult, Metafile, Plugin } from 'esbuild'
import { projectFolder } from '../servers/tools.ts'
import { functionOf } from './common-js.ts'
import { keepCode } from './keep-code.ts'

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

/** The log's package is loaded with the first line that is written: from a file of the bundle. */
const pino = { asked: "createRequire(import.meta.url)('pino')", answered: "loadBundled('pino.js').default" }

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
      const contents = readFileSync(path, 'utf8').replaceAll(pino.asked, pino.answered)
      return { contents: contents.replaceAll('import.meta.url', homeOf(path)), loader: 'ts' }
    })
  }
}

/** What runs commands that are programs of their own, of which docferry has none: to load it takes as long as half of the command line. */
const spawning = { asked: "require('node:child_process')", answered: "{ get spawn() { return require('node:child_process').spawn } }" }

/** The command line's package, without what no command needs. */
const lean: Plugin = {
  name: 'lean',
  setup(hooks) {
    hooks.onLoad({ filter: /commander\/lib\/command\.js$/ }, ({ path }) => {
      const contents = readFileSync(path, 'utf8').replace(spawning.asked, spawning.answered)
      if (!contents.includes(spawning.answered) || /childProcess\.(?!spawn\b)/.test(contents))
        throw new Error(`${path} does not use child processes as it did: see whether they can still be left out`)
      return { contents, loader: 'js' }
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
function noticesOf(built: readonly BuildResult<{ metafile: true }>[]): string[] {
  const files = built.flatMap(({ metafile }) => Object.keys(metafile.inputs))
  const folders = files.flatMap(path => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [])
  return [...new Set(folders)].sort().map(folder => {
    const licence = readdirSync(join(root, folder)).find(name => /^licen[cs]e/i.test(name))
    if (licence === undefined) throw new Error(`${folder} has no licence to pass on`)
    return `${folder.replace(/^.*node_modules\//, '')}\n\n${readFileSync(join(root, folder, licence), 'utf8').trim()}\n`
  })
}

const common = {
  absWorkingDir: root,
  outdir,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  external: left.flatMap(name => [name, `${name}/*`]),
  sourcesContent: false,
  logLevel: 'warning',
  metafile: true
} as const satisfies BuildOptions
const modules = { ...common, splitting: true, format: 'esm', sourcemap: 'linked' } as const satisfies BuildOptions

/** What is asked for by name: the module and, where it is not for docferry alone, the file that loads it. */
const entries: Readonly<Record<string, string>> = {
  'main.js': "#!/usr/bin/env node\n'use strict'\nrequire('./bundled.js').load('entry-main.js')\n",
  'thread.js': "'use strict'\nrequire('./bundled.js').load('entry-thread.js')\n",
  'pack-in-thread.js': "'use strict'\nrequire('./bundled.js').load('entry-pack-in-thread.js')\n"
}

/** An importing ES module sees the names that are written here. */
function libraryOf(names: readonly string[]): string {
  return `'use strict'\nconst { load } = require('./bundled.js')\nmodule.exports = load('entry-index.js')\n0 && (module.exports = { ${names.join(', ')} })\n`
}

/** A module of a circle would read exports that are not there yet. */
function checkCircles(outputs: Metafile['outputs']): void {
  const done = new Set<string>()
  const visit = (path: string, above: readonly string[]): void => {
    if (above.includes(path)) throw new Error(`files of the bundle import each other in a circle: ${[...above, path].join(' -> ')}`)
    if (done.has(path)) return
    for (const { kind, path: next } of outputs[path]?.imports ?? []) if (kind === 'import-statement') visit(next, [...above, path])
    done.add(path)
  }
  for (const path of Object.keys(outputs)) visit(path, [])
}

rmSync(outdir, { recursive: true, force: true })
const built = [
  await build({
    ...modules,
    entryPoints: [
      { in: main, out: 'entry-main' },
      { in: index, out: 'entry-index' }
    ],
    chunkNames: '[name]-[hash]',
    plugins: [grouping, homes, lean]
  }),
  // By themselves, for they need little of what a move does.
  await build({ ...modules, entryPoints: threads, entryNames: 'entry-[name]', chunkNames: 'thread-[name]-[hash]', plugins: [homes] }),
  await build({ ...modules, entryPoints: [{ in: 'pino', out: 'pino' }] })
]
for (const { metafile } of built) {
  checkCircles(metafile.outputs)
  for (const path of Object.keys(metafile.outputs).filter(name => name.endsWith('.js')))
    writeFileSync(join(root, path), functionOf(readFileSync(join(root, path), 'utf8')))
}
await build({
  ...common,
  entryPoints: [join(root, 'scripts/bundle/bundled.ts')],
  format: 'cjs',
  define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '__filename' }
})
for (const [name, code] of Object.entries(entries)) writeFileSync(join(outdir, name), code)
writeFileSync(join(outdir, 'index.js'), libraryOf(built[0]!.metafile.outputs[relative(root, join(outdir, 'entry-index.js'))]!.exports))
writeFileSync(join(outdir, 'package.json'), '{ "type": "commonjs" }\n')
chmodSync(join(outdir, 'main.js'), 0o755)
writeFileSync(join(outdir, 'LICENCES.txt'), noticesOf(built).join('\n----\n\n'))
await keepCode(outdir)
