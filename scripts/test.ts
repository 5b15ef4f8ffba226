/**
 * Run the compiled specs, in two processes side by side where that is worth it; the last line is `N passed, N failed`.
 *
 *   npm test [-- [--processes 1] [--times] mocha's options and spec files]
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { runMocha } from './run-mocha.ts'
import { isServerGiven, prepareServers } from './servers/index.ts'
import { projectFolder } from './servers/tools.ts'
import { shareOut } from './spec-shares.ts'

const root = projectFolder()
const log = (line: string): void => void process.stderr.write(`${line}\n`)
const isSpecFile = (arg: string): boolean => arg.endsWith('.spec.ts')

/** Those of the sources: dist may still hold specs that are gone. */
function specFiles(): string[] {
  return readdirSync(join(root, 'spec'), { recursive: true, encoding: 'utf8' })
    .filter(isSpecFile)
    .map(file => join('spec', file))
    .sort()
}

function compiled(file: string): string {
  const path = join(root, 'dist', file.replace(/\.ts$/, '.js'))
  if (!existsSync(path)) throw new Error(`${file} is not compiled: npm run build`)
  return path
}

/** A process knows of its own `.only` alone, and the others would run everything. */
function hasOnly(file: string): boolean {
  return /^\s*(?:describe|context|it)\.only\(/m.test(readFileSync(join(root, file), 'utf8'))
}

/** Takes an option that is ours, with its value, out of mocha's. */
function take(args: string[], name: string, values: 0 | 1): string | undefined {
  const at = args.indexOf(name)
  return at < 0 ? undefined : args.splice(at, 1 + values).at(-1)
}

async function main(words: readonly string[]): Promise<{ passed: number; failed: number }> {
  const args = [...words]
  // On one server the specs of two processes would meet in the same collections.
  const most = isServerGiven() ? 1 : 2
  const processes = Number(take(args, '--processes', 1) ?? Math.min(most, availableParallelism()))
  if (!Number.isInteger(processes) || processes < 1) throw new Error('--processes: how many, 1 or more')
  const isTimed = take(args, '--times', 0) !== undefined
  // What is missing shows at once and by name, and no download takes part of a test's time.
  await prepareServers({ log })
  const named = args.filter(isSpecFile)
  const options = args.filter(arg => !isSpecFile(arg))
  const files = named.length > 0 ? named : specFiles()
  for (const file of files) compiled(file)
  const shares = shareOut(files, files.some(hasOnly) ? 1 : processes)
  const times: (readonly [string, number])[] = []
  const onTimed = (file: string, seconds: number): void => void times.push([relative(join(root, 'dist'), file), seconds])
  const compiledShares = shares.map(share => share.map(compiled))
  const { passed, failed, complaints } = await runMocha(options, compiledShares, { cwd: root, ...(isTimed && { onTimed }) })
  for (const [file, seconds] of times.toSorted(([, a], [, b]) => b - a)) log(`${seconds.toFixed(1).padStart(6)} s  ${file}`)
  for (const complaint of complaints) log(`counted as failed: ${complaint}`)
  return { passed, failed }
}

const { passed, failed } = await main(process.argv.slice(2)).catch((error: unknown) => {
  log(error instanceof Error ? error.message : String(error))
  return { passed: 0, failed: 1 }
})
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
process.stdout.write(`${passed} passed, ${failed} failed\n`)
