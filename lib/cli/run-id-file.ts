/** The file that `--run-id-file` names: ids of runs, one a line, for commands that follow. A run that was refused is not in it. */
import { accessSync, appendFileSync, constants, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { describeError, DocferryError } from '../errors.ts'
import type { RunReport } from '../report.ts'

export function addRunIdFlag(command: Command): Command {
  return command.option('--run-id-file <file>', "add the run's id to this file, on a line of its own, once the run has begun")
}

/**
 * @returns for `onBegun` of a run
 * @throws {DocferryError} DOCFERRY_USAGE for a dry run, DOCFERRY_CONFIG where the file can't be written to, or holds anything else
 */
export function runIdFile(
  path: string,
  { dryRun = false }: { readonly dryRun?: boolean | undefined }
): (report: Readonly<RunReport>) => void {
  if (dryRun) throw new DocferryError('DOCFERRY_USAGE', '--run-id-file: a dry run leaves no run behind')
  check(path)
  return ({ runId }) => add(path, runId)
}

function check(path: string): void {
  let held: string
  try {
    held = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return checkPlace(dirname(path))
    throw unusable(path, error)
  }
  if (!/^(?:\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-[0-9a-f]+\n)*$/.test(held))
    throw new DocferryError('DOCFERRY_CONFIG', `--run-id-file: ${path} exists already and holds something else: give it another name`)
  checkPlace(path)
}

function checkPlace(path: string): void {
  try {
    accessSync(path, constants.W_OK)
  } catch (error) {
    throw unusable(path, error)
  }
}

function add(path: string, runId: string): void {
  try {
    appendFileSync(path, `${runId}\n`)
  } catch (error) {
    throw unusable(path, error)
  }
}

function unusable(path: string, cause: unknown): DocferryError {
  return new DocferryError('DOCFERRY_CONFIG', `--run-id-file: ${path} can't be written: ${describeError(cause)}`, { cause })
}
