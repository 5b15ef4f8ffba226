/** The commands by which a user goes on with a run. */
import { dirname } from 'node:path'

/** `docferry resume 2026-...`, with the state folder where it is not the usual one. */
export function runCommand(verb: 'resume' | 'retry' | 'undo' | 'verify', runId: string, stateDir = '.docferry'): string {
  return `docferry ${verb} ${runId}${stateDir === '.docferry' ? '' : ` --state-dir ${JSON.stringify(stateDir)}`}`
}

/** @param folder of the run: `<state folder>/runs/<run>` */
export function stateDirOf(folder: string): string {
  return dirname(dirname(folder))
}
