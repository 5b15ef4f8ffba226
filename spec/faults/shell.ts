/** Commands of docferry in a shell, for what only an operating system does: disks that are full, pipes whose reader leaves. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ended } from '../cli/support/docferry.ts'
import { docferryWords, runWords } from './command.ts'

/** Whether a process may have a file system of its own, which nobody else sees and which ends with it. */
export const hasOwnDisks = spawnSync('unshare', ['-rm', 'true']).status === 0

/** Run lines of a shell in a folder. `$docferry` is docferry; `$disk` a folder with room for so many KB, where there is `diskKb`. */
export async function runShell(cwd: string, lines: readonly string[], diskKb?: number): Promise<void> {
  const disk = join(cwd, 'disk')
  mkdirSync(disk, { recursive: true })
  const script = join(cwd, 'script.sh')
  const mount = diskKb === undefined ? [] : [`mount -t tmpfs -o size=${diskKb}k tmpfs "$disk"`]
  const docferry = docferryWords.map(word => `'${word}'`).join(' ')
  writeFileSync(script, ['set -e', `disk='${disk}'`, `docferry() { ${docferry} "$@"; }`, ...mount, ...lines, ''].join('\n'))
  const words = diskKb === undefined ? ['bash', script] : ['unshare', '-rm', 'bash', script]
  const { code, stderr } = await runWords(words, { cwd })
  if (code !== 0) throw new Error(`the script itself failed with ${code}: ${stderr}`)
}

/** A line of the shell that runs docferry and keeps what becomes of it under a name. */
export function kept(name: string, command: string, { stdout = `>${name}.out`, before = 'true' } = {}): string {
  return `( { ${before} && docferry ${command}; } 2>${name}.err && echo 0 >${name}.code || echo $? >${name}.code ) ${stdout}`
}

export function endOf(cwd: string, name: string): Ended {
  const read = (ending: string): string => readFileSync(join(cwd, `${name}.${ending}`), 'utf8')
  return { code: Number(read('code')), stdout: read('out'), stderr: read('err') }
}
