/** `npm test [-- mocha's options and spec files]`: run the compiled specs; the last line is `N passed, N failed`. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { runMocha } from './run-mocha.ts'
import { prepareServers } from './servers/index.ts'
import { projectFolder } from './servers/tools.ts'

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

async function main(args: readonly string[]): Promise<{ passed: number; failed: number }> {
  // What is missing shows at once and by name, and no download takes part of a test's time.
  await prepareServers({ log })
  const named = args.filter(isSpecFile)
  const options = args.filter(arg => !isSpecFile(arg))
  const files = (named.length > 0 ? named : specFiles()).map(compiled)
  const { passed, failed, complaints } = await runMocha([...options, ...files], { cwd: root })
  for (const complaint of complaints) log(`counted as failed: ${complaint}`)
  return { passed, failed }
}

const { passed, failed } = await main(process.argv.slice(2)).catch((error: unknown) => {
  log(error instanceof Error ? error.message : String(error))
  return { passed: 0, failed: 1 }
})
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
process.stdout.write(`${passed} passed, ${failed} failed\n`)
