/** docferry's own command line, as a child process. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from '../servers/tools.ts'
import { runChild } from './child.ts'
import type { ChildOptions } from './child.ts'
import type { Sample } from './measure.ts'

const { bin } = JSON.parse(readFileSync(join(projectFolder(), 'package.json'), 'utf8')) as { readonly bin: { readonly docferry: string } }

/** What users start. */
const cli = join(projectFolder(), bin.docferry)

/** @param stateDir that the caller removes */
export async function docferry(args: readonly string[], stateDir: string, options: ChildOptions = {}): Promise<Omit<Sample, 'documents'>> {
  return await runChild(process.execPath, [cli, ...args, '--state-dir', stateDir, '--quiet', '--no-progress'], options)
}
