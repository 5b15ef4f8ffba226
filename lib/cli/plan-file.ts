/** Saved plans: written whole or not at all, and turned back into flags. */
import { createHash } from 'node:crypto'
import { constants, readFileSync } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { holdsSecret } from '../config/hide-credentials.ts'
import { presetNames } from '../config/presets.ts'
import { replaceFile, exists, sideFileError } from '../engine/atomic-file.ts'
import { describeError, DocferryError } from '../errors.ts'
import type { MigrateOptions } from '../options.ts'
import type { Plan, PlannedOptions } from '../plan/plan.ts'
import { readPlan } from '../plan/read-plan.ts'
import type { MigrateFlags } from './commands/migrate.ts'

/** A plan as the command line keeps it: with what the user wrote for the two ends, where that holds no secret. */
interface SavedPlan extends Plan {
  readonly ends?: { readonly source?: string; readonly target?: string }
  /** Of everything else, so that what is done is what was looked at. */
  readonly sha256: string
}

/** @throws {DocferryError} DOCFERRY_CONFIG */
export function readPlanFile(path: string): SavedPlan {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new DocferryError('DOCFERRY_CONFIG', `the plan ${path} can't be read: ${describeError(error)}`, { cause: error })
  }
  const { sha256, ...plan } = readPlan(text, path) as SavedPlan
  if (sha256 !== digestOf(plan)) {
    throw new DocferryError(
      'DOCFERRY_CONFIG',
      `the plan ${path} was changed after it was saved: plan again, with the options that you want`
    )
  }
  const { ends } = plan
  const isWhole =
    ends === undefined || (typeof ends === 'object' && ends !== null && Object.values(ends).every(end => typeof end === 'string'))
  if (!isWhole) throw new DocferryError('DOCFERRY_CONFIG', `the plan ${path} is broken: its ends are no addresses`)
  return { ...plan, sha256 }
}

/**
 * Keep a plan. What stands in its place is replaced only if it is a plan.
 *
 * @throws {DocferryError} DOCFERRY_OUTPUT_EXISTS, DOCFERRY_CONFIG where it can't be written; DOCFERRY_TARGET where there is no room for it
 */
export async function savePlan(path: string, plan: Plan, ends: { readonly source: unknown; readonly target: unknown }): Promise<void> {
  await checkPlanPlace(path)
  const content = { ...plan, ends: { source: withoutSecrets(ends.source), target: withoutSecrets(ends.target) } }
  const saved: SavedPlan = { ...content, sha256: digestOf(content) }
  try {
    await replaceFile(path, `${JSON.stringify(saved, null, 2)}\n`)
  } catch (error) {
    throw sideFileError(`the plan can't be saved as ${path}`, error)
  }
}

function digestOf(content: object): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex')
}

/** Before anything is read: a plan that can't be saved must not be found out at the end. */
export async function checkPlanPlace(path: string): Promise<void> {
  if (path === '' || path === '-')
    throw new DocferryError('DOCFERRY_USAGE', '--save: the name of a file is wanted; --json has the plan on standard output')
  try {
    await access(dirname(path), constants.W_OK)
    if (!(await exists(path))) return
  } catch (error) {
    throw sideFileError(`the plan can't be saved as ${path}`, error)
  }
  // A device would be read for ever.
  const isOther = await stat(path).then(
    found => !found.isFile(),
    () => false
  )
  if (isOther) throw new DocferryError('DOCFERRY_CONFIG', `${path} is no file: give --save another name`)
  try {
    readPlanFile(path)
  } catch (error) {
    const message = `${path} exists already and is no plan: give --save another name`
    throw new DocferryError('DOCFERRY_CONFIG', message, { cause: error })
  }
}

/** The flags of the run that a plan describes. */
export function flagsOf(plan: Pick<SavedPlan, 'ends' | 'options'>, given: MigrateFlags): MigrateFlags {
  const { ends, options } = plan
  if (ends?.source === undefined || ends.target === undefined) {
    throw new DocferryError(
      'DOCFERRY_USAGE',
      'the plan does not say from where to where, for an address that holds a password is not kept: give --source, --target and the other options again, to have them compared with it'
    )
  }
  const { source, target } = ends
  return { ...given, source, target, ...askedAgain(options), stage: options.stages }
}

/** What a run was asked, but for its ends and stages, as it is asked again. */
export function askedAgain({ collections, ...asked }: PlannedOptions): AskedAgain {
  const { onConflict, onIncompatible, types, includeDesign, keepMetadata, attachments, includeSecurity, subcollections = false } = asked
  const preset = presetNames.find(name => name === asked.preset)
  return {
    preset,
    // The preset is compared too, and chooses what was planned; beside it, names would win over it.
    collections: preset === undefined ? collections.map(([name]) => name) : undefined,
    rename: Object.fromEntries(collections.filter(([from, to]) => from !== to)),
    onConflict,
    onIncompatible,
    types,
    includeDesign,
    keepMetadata,
    ...(attachments && { attachments }),
    ...(includeSecurity && { includeSecurity }),
    subcollections
  }
}

type AskedAgain = Pick<
  MigrateOptions,
  | 'preset'
  | 'collections'
  | 'rename'
  | 'onConflict'
  | 'onIncompatible'
  | 'types'
  | 'includeDesign'
  | 'keepMetadata'
  | 'attachments'
  | 'includeSecurity'
  | 'subcollections'
>

function withoutSecrets(end: unknown): string | undefined {
  return typeof end === 'string' && !holdsSecret(end) ? end : undefined
}
