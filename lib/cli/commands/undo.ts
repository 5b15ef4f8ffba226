import type { Command } from 'commander'
import type { UndoOptions } from '../../undo/undo.ts'
import type { CommonFlags } from '../execute.ts'
import { addCommonFlags } from '../options.ts'
import { givenEnd } from './choose-run.ts'

/** An undo command, understood. */
export interface UndoJob {
  readonly options: Pick<UndoOptions, 'run' | 'target' | 'dryRun' | 'stateDir'>
  readonly flags: CommonFlags
}

interface UndoFlags extends CommonFlags {
  readonly target?: string
  readonly dryRun?: boolean
  readonly stateDir: string
}

/** `docferry undo` */
export function addUndoCommand(program: Command, run: (job: UndoJob) => Promise<void>): void {
  const command = program
    .command('undo')
    .description(
      'Remove what a run created and, if it ran with --undoable, put back what it replaced. A document that was changed since is left and told. Doing it again does no harm.'
    )
    .argument('<run>', 'its id, as docferry runs shows it')
    .option('-n, --dry-run', 'look at every document, change nothing, and say what would happen')
    .option('-t, --target <end>', 'again, where the address held a password, which is not kept')
    .addHelpText('after', helpText)
  addCommonFlags(command).action((runId: string, flags: UndoFlags) => run(undoJob(runId, flags)))
}

export function undoJob(run: string, flags: UndoFlags): UndoJob {
  const { target, dryRun, stateDir } = flags
  return { options: { run, dryRun, stateDir, target: givenEnd('target', target) }, flags }
}

const helpText = `
Exits with 40 where documents were left, or nothing was kept of what they replaced.

Examples:
  $ docferry runs
  $ docferry undo 2026-11-22T10-15-00-a1b2c3 --dry-run
  $ docferry undo 2026-11-22T10-15-00-a1b2c3
`
