/** docferry's own command line, as a child process. */
import { join } from 'node:path'
import { projectFolder, runCommand } from '../servers/tools.ts'
import { runChild } from './child.ts'
import type { ChildOptions } from './child.ts'
import type { Sample } from './measure.ts'

export const cli = join(projectFolder(), 'dist', 'lib', 'cli', 'main.js')

/** @param stateDir that the caller removes */
export async function docferry(args: readonly string[], stateDir: string, options: ChildOptions = {}): Promise<Omit<Sample, 'documents'>> {
  return await runChild(process.execPath, [cli, ...args, '--state-dir', stateDir, '--quiet', '--no-progress'], options)
}

/** Whether a command knows an option. */
export async function knowsOption(command: string, option: string): Promise<boolean> {
  return (await runCommand(process.execPath, [cli, command, '--help'])).includes(option)
}
