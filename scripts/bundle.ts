/**
 * The command line and the library in few files: most of what a start takes is to find and read modules one by one. What belongs together stands
 * in one file; connectors, stages and whatever only some commands need stay files of their own, which are loaded when they are wanted.
 */
import { chmodSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build } from 'esbuild'
import type { BuildOptions, Plugin } from 'esbuild'
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
    void homes.setup(hooks)
  }
}

/** Modules find what lies beside them. */
const homes: Plugin = {
  name: 'homes',
  setup(hooks) {
    hooks.onLoad({ filter: /\.ts$/, namespace: 'file' }, ({ path }) => {
      return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', homeOf(path)), loader: 'ts' }
    })
  }
}

/** Where the module stands that is not bundled: what lies beside it, such as the kernel's code, is found there; but the code of threads is bundled too. */
function homeOf(path: string): string {
  if (path === join(lib, 'work/thread-file.ts')) return 'import.meta.url'
  const compiled = join(root, 'dist/lib', relative(lib, path)).replace(/ts$/, 'js')
  return `new URL(${JSON.stringify(relative(outdir, compiled))}, import.meta.url).href`
}

const options: BuildOptions = {
  outdir,
  entryNames: '[name]',
  chunkNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: 'linked',
  sourcesContent: false,
  logLevel: 'warning'
}

rmSync(outdir, { recursive: true, force: true })
await build({ ...options, entryPoints: [main, index], plugins: [grouping] })
// By themselves, for they need little of what a move does.
await build({ ...options, entryPoints: threads, chunkNames: 'thread-[name]-[hash]', plugins: [homes] })
chmodSync(join(outdir, 'main.js'), 0o755)
