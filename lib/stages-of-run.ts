/** The stages of a run, made again: each from its text, or all from the file of the run's pipeline, where they are still the same. */
import { DocferryError } from './errors.ts'
import type { PlannedOptions } from './plan/plan.ts'
import { parseStage } from './registry.ts'
import type { Environment, RunStage } from './types.ts'

/** @throws {DocferryError} DOCFERRY_USAGE, DOCFERRY_CONFIG, or DOCFERRY_RUN_UNFIT where the pipeline's file says something else by now */
export async function stagesOfRun(
  { stages, pipeline }: Pick<PlannedOptions, 'stages' | 'pipeline'>,
  { environment = {} }: { readonly environment?: Environment }
): Promise<readonly RunStage[]> {
  if (pipeline === undefined) return await Promise.all(stages.map(text => parseStage(text, { folder: '.', environment })))
  const { loadPipeline } = await import('./pipeline/load.ts')
  const { makeStages } = await import('./pipeline/make-stages.ts')
  const made = await makeStages(await loadPipeline(pipeline, { environment, cwd: '.' }), { environment })
  const texts = made.map(({ name, text = name }) => text)
  if (JSON.stringify(texts) === JSON.stringify(stages)) return made
  throw new DocferryError('DOCFERRY_RUN_UNFIT', `${pipeline} has other stages than the run had when it began: put it back as it was`)
}
