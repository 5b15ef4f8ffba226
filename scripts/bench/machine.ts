/** What the figures were measured on and with. */
import { readFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { projectFolder, runCommand } from '../servers/tools.ts'

export function load(): string {
  return loadavg()[0]!.toFixed(1)
}

export async function machine(): Promise<string> {
  const { length: cores, 0: cpu } = cpus()
  const commit = await runCommand('git', ['rev-parse', '--short', 'HEAD'], { cwd: projectFolder() }).catch(() => 'no commit')
  return `${cores} cores (${cpu?.model.trim()}), ${(totalmem() / 2 ** 30).toFixed(0)} GB, Node ${process.version}, docferry ${versionOf()} (${commit.trim()})`
}

/** Of a package that is installed, or docferry's own. */
export function versionOf(name?: string): string {
  const folder = name === undefined ? projectFolder() : join(projectFolder(), 'node_modules', name)
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version
}
