/** The stages of a run, made again from their texts. */
import type { PlannedOptions } from './plan/plan.ts'
import { parseStage } from './registry.ts'
import type { Environment, RunStage } from './types.ts'

/** @throws {DocferryError} DOCFERRY_USAGE */
export async function stagesOfRun(
  { stages }: Pick<PlannedOptions, 'stages' | 'pipeline'>,
  _options: { readonly environment?: Environment }
): Promise<readonly RunStage[]> {
  return await Promise.all(stages.map(text => parseStage(text)))
}
