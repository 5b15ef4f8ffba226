/** Verifies a run that has just come to its end, for `--verify`. */
import { errorTable } from '../errors.ts'
import { DocferryError } from '../errors.ts'
import type { RunReport } from '../report.ts'
import type { VerifyOptions } from '../verify/options.ts'
import { formatCount } from '../values/format-count.ts'
import { rootOfRoots } from '../verify/receipt.ts'
import { differencesOf, totalVerifyCounts } from '../verify/report.ts'
import type { VerifyReport } from '../verify/report.ts'
import type { verify } from '../verify/verify.ts'
import type { Job } from './execute.ts'
import { indentedLines, plainStyle, plural, safe } from './text.ts'
import type { View } from './text.ts'
import { verifySummary } from './verify-view.ts'

/** What is loaded when it is needed; specs put their own in place. */
export interface VerifyEngine {
  readonly verify: typeof verify
}

/** Before anything is read. @throws {DocferryError} DOCFERRY_USAGE for what can't be verified */
export function checkCanVerify({ dataOnStdout, options: { dryRun }, flags }: Job): void {
  if (!flags.verify) return
  if (dataOnStdout) throw goesDownAPipe()
  if (dryRun) throw new DocferryError('DOCFERRY_USAGE', '--verify: a dry run writes nothing that could be verified')
}

/** Once both ends are open. @throws {DocferryError} DOCFERRY_USAGE */
export function refusePipe({ piped }: Readonly<RunReport>): void {
  if (piped) throw goesDownAPipe()
}

function goesDownAPipe(): DocferryError {
  return new DocferryError('DOCFERRY_USAGE', '--verify: what goes down a pipe can not be read again: give the documents a file')
}

type Around = Pick<VerifyOptions, 'stages' | 'environment' | 'signal' | 'logger' | 'observe'>

/** By the run's receipt; the source is read only where something differs. */
export async function verifyRun(
  { options }: Job,
  run: string,
  around: Around,
  loadEngine: () => Promise<VerifyEngine> = () => import('../verify/verify.ts')
): Promise<VerifyReport> {
  const { source, target, stateDir, parallel, maxReadUnits } = options
  const engine = await loadEngine()
  const units = maxReadUnits !== undefined && { maxReadUnits }
  try {
    return await engine.verify({ run, source, target, stateDir, parallel, ...units, ...around })
  } catch (error) {
    if (!around.signal?.aborted) throw error
    const message = 'interrupted while what was written was verified: the run is done and stays, and is not proved'
    throw new DocferryError('DOCFERRY_INTERRUPTED', message, { cause: error })
  }
}

/** That documents became dead letters, the run itself has said. */
export function exitCodeOfVerified(report: Readonly<VerifyReport>, exitCodeOfRun: number): number {
  return isAsRunSays(report) ? exitCodeOfRun : errorTable.DOCFERRY_VERIFY.exit
}

function isAsRunSays({ state, damaged, securityDiffers, collections }: Readonly<VerifyReport>): boolean {
  const total = totalVerifyCounts(collections)
  return (
    state === 'equal' || (state === 'different' && damaged === undefined && !securityDiffers && differencesOf(total) === total.deadLetters)
  )
}

export function verifiedLines(report: Readonly<VerifyReport>, view: View): string[] {
  const { columns = Infinity, style = plainStyle } = view
  if (!isAsRunSays(report)) return ['', ...verifySummary(report, view)]
  const { sourceDocuments, beside } = totalVerifyCounts(report.collections)
  const root = rootOfRoots(report.collections.map(({ target, root: roots }) => [target, roots?.source ?? '']))
  const more = beside > 0 ? `, beside ${formatCount(beside)} that only the target holds` : ''
  return [
    ...report.notes.flatMap(text => indentedLines(safe(text), '- ', columns)),
    style.green(`Verified: ${plural(sourceDocuments, 'document')}, root ${root}${more}`)
  ]
}
