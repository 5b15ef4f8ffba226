/** The steps of a whole migration for a pair of places, with the commands to copy. Connects to nothing. */
import { presets } from '../config/presets.ts'
import { docferryVersion } from '../config/version.ts'
import { defaultRules } from '../types.ts'
import { afterwardsSteps, rollbackSteps } from './afterwards.ts'
import { readEnds } from './ends.ts'
import type { End } from './ends.ts'
import { migrateSteps, switchSteps } from './migrate.ts'
import { namesInTarget } from './options.ts'
import type { GuideOptions } from './options.ts'
import { pairWarnings } from './pair.ts'
import { prepareSteps } from './prepare.ts'
import type { Guide, GuideEnd } from './report.ts'

/** @throws {DocferryError} DOCFERRY_USAGE, DOCFERRY_CONFIG, DOCFERRY_SAME_PLACE for ends that no migration could have */
export async function guide(options: GuideOptions): Promise<Guide> {
  const { source, target } = await readEnds(options.source, options.target)
  const { types = 'natural', onIncompatible, preset, collections = preset && presets[preset] } = options
  const rules = { ...defaultRules, types, escapeNames: onIncompatible === 'escape' }
  const warnings = pairWarnings(source, target, { rules, names: namesInTarget(options) })
  return {
    docferry: docferryVersion(),
    source: shown(source),
    target: shown(target),
    ...(collections && { collections }),
    warnings: [...sameProvider(options, target), ...warnings, ...ownThings(source, target)],
    steps: [
      ...prepareSteps(source, target, options),
      ...migrateSteps(source, target, options),
      ...switchSteps(source, target, options),
      ...afterwardsSteps(source, target),
      ...rollbackSteps(source, target, options)
    ]
  }
}

function shown({ provider, address, variables }: End): GuideEnd {
  return { provider, address, variables }
}

/** Where both were called by the same name, the commands hold a placeholder. */
function sameProvider({ target }: GuideOptions, { address }: End): string[] {
  return /NEW-(?:SERVER|PROJECT|REGION)|new-snapshot\.json|new\.ndjson\.gz/.test(address) && !target.includes(':')
    ? [`both ends are called ${target}: put the address of the new one in the place of ${address}`]
    : []
}

function ownThings({ provider: from }: End, { provider: to }: End): string[] {
  if (from !== 'couchdb') return []
  const kept = 'of each document the present revision comes along: no older ones, no conflicts, no deletions'
  const asked =
    'design documents, and whatever else CouchDB keeps beside the documents, only where an option asks for it: --include-design, --attachments, --include-security'
  return [`${kept}; ${asked}`, ...(to === 'couchdb' ? ['the replicator keeps all of that'] : [])]
}
