/** Before a migration: both ends, what the run would do, and what it needs. */
import { now } from '../clock.ts'
import { closeEnd } from '../engine/close-end.ts'
import { pathOfIdentity } from '../engine/real-path.ts'
import { silentLogger } from '../open.ts'
import type { ChosenCollection } from '../plan/choose-collections.ts'
import type { Plan } from '../plan/plan.ts'
import { lookAtEnd, openEnds } from './ends.ts'
import type { BothEnds } from './ends.ts'
import { checkBackup } from './backup.ts'
import type { Checklist } from './checklist.ts'
import { listed } from './checklist.ts'
import { planFindings } from './findings.ts'
import { checkMachine, checkRoom } from './machine.ts'
import type { Need } from './machine.ts'
import type { CheckOptions } from './options.ts'
import { probeWrite } from './probe.ts'
import { changesBetween, chooseForCheck, lookAtTarget, readFirst } from './sides.ts'
import type { FirstLook } from './sides.ts'

/** What an undo journal takes for a document that was made: its id, a digest and what is around them. */
const undoBytes = 250
/** A run's record, log, receipt and checkpoints. */
const runBytes = 5e6

export async function checkBefore(options: CheckOptions, list: Checklist): Promise<void> {
  await checkMachine(options, list)
  const ends = await openEnds(options, list)
  try {
    const { source, target } = ends
    if (source && target) await checkBoth(options, list, { source, target })
    else skipRest(list)
  } finally {
    for (const end of [ends.source, ends.target]) if (end) await closeEnd(end, options.logger ?? silentLogger)
  }
  const { provider } = list.report.source ?? {}
  list.person('people.users', 'users have been told when, and for how long')
  list.person('people.downtime', 'the downtime is planned: from the last write to the source until the application runs on the target')
  list.person('people.application', 'the application can be stopped, or made read-only, and tests of it are at hand')
  list.person('people.rollback', 'the way back is known, and who decides on it', 'docferry guide prints it, with the commands')
  if (provider !== 'file') list.person('people.source', 'the source will be kept for a while after the switch')
}

async function checkBoth(options: CheckOptions, list: Checklist, ends: BothEnds): Promise<void> {
  const { source } = ends
  const chosen = await chooseForCheck(options, list, ends)
  if (chosen === undefined) return skipRest(list)
  const names = chosen?.map(({ name }) => name)
  const inTarget = chosen?.map(({ target }) => target)
  const atSource = await lookAtEnd('source', options, list, names)
  await lookAtEnd('target', options, list, inTarget)
  const first = chosen === null ? undefined : await readFirst(source, chosen, list, options)
  await lookAtTarget(chosen, options, list, ends)
  const plan = await planFindings(options, list, chosen)
  await checkRoom(needsOf(plan, options, list), list)
  const attachments = options.attachments ? names : plan?.collections.filter(each => each.attachmentsLeft).map(({ source: name }) => name)
  const designDocuments = Object.keys(atSource?.designDocuments ?? {})
  await checkBackup(names, options, list, { ...(attachments && { attachments }), designDocuments })
  await checkChanges({ chosen, first, marks: atSource?.marks }, options, list, ends)
  if (options.probeWrite) await probeWrite(ends.target, options, list)
  else list.skip('target.write', 'the target can be written to', '--probe-write writes a document of its own there, and removes it')
}

/** The source once more: what has changed since the first look goes on changing. */
async function checkChanges(
  {
    chosen,
    first,
    marks = {}
  }: {
    readonly chosen: readonly ChosenCollection[] | null
    readonly first: FirstLook | undefined
    readonly marks: Readonly<Record<string, string>> | undefined
  },
  options: CheckOptions,
  list: Checklist,
  ends: BothEnds
): Promise<void> {
  const what = 'nobody writes to the source'
  if (!chosen || !first) return list.skip('source.still', what, 'only reading it whole tells what it holds')
  const changed = await changesBetween(first, marks, ends.source, chosen, options)
  const seconds = Math.max(1, Math.round((now() - first.at) / 1000))
  if (changed.length > 0)
    list.add('source.still', what, {
      result: 'warning',
      detail: `${listed(changed)} changed within ${seconds} s`,
      advice:
        'what is written while a run goes on may be missed: stop the application before the last run, and bring over the rest with docferry repair'
    })
  else list.add('source.still', what, { detail: `no change was seen within ${seconds} s` })
}

function needsOf(plan: Plan | undefined, { stateDir = '.docferry', undo }: CheckOptions, list: Checklist): Need[] {
  const { provider, identity = '' } = list.report.target ?? {}
  const isFile = provider === 'file' || provider === 'memory'
  const { documents = 0, bytes = 0, failed = 0 } = plan?.estimate ?? {}
  const mean = documents === 0 ? 0 : bytes / documents
  const held = plan?.collections.reduce((sum, { survey }) => sum + (survey?.replaced ?? 0), 0) ?? 0
  const journal = isFile || undo === 'none' ? 0 : documents * undoBytes + (undo === 'all' ? held * mean : 0)
  const state: Need = { path: stateDir, bytes: runBytes + journal + failed * mean, what: 'what the run keeps' }
  const path = pathOfIdentity(identity)
  return path === undefined ? [state] : [state, { path, bytes, what: 'the output, uncompressed' }]
}

function skipRest(list: Checklist): void {
  const why = 'not before both ends answer and hold what was named'
  list.skip('plan.fits', 'every document fits into the target', why)
  list.skip('backup.recent', 'a recent backup of the source is known', why)
  list.skip('source.still', 'nobody writes to the source', why)
}
