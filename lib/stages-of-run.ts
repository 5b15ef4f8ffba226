/** The stages of a run, made again: from their texts, or from the file of the run's pipeline, where they are still the same. */
import { DocferryError } from './errors.ts'
import type { PlannedOptions } from './plan/plan.ts'
import { parseStage } from './registry.ts'
import type { Environment, RunStage } from './types.ts'

/** @throws {DocferryError} DOCFERRY_USAGE, DOCFERRY_CONFIG, or DOCFERRY_RUN_UNFIT where the pipeline's file says something else by now */
export async function stagesOfRun(
  { stages, pipeline }: Pick<PlannedOptions, 'stages' | 'pipeline'>,
  { environment = {} }: { readonly environment?: Environment | undefined }
): Promise<readonly RunStage[]> {
  const own = pipeline ? await stagesOfPipeline(pipeline.file, stages, environment) : []
  const others = await Promise.all(stages.slice(own.length).map(text => parseStage(text, { folder: '.', environment })))
  return [...own, ...others]
}

/** Those of the pipeline stand first. */
async function stagesOfPipeline(file: string, texts: readonly string[], environment: Environment): Promise<readonly RunStage[]> {
  const { loadPipeline } = await import('./pipeline/load.ts')
  const { makeStages } = await import('./pipeline/make-stages.ts')
  const stages = await makeStages(await loadPipeline(file, { environment, cwd: '.' }), { environment })
  if (stages.every(({ name, text = name }, index) => text === texts[index])) return stages
  throw new DocferryError('DOCFERRY_RUN_UNFIT', `${file} has other stages than the run had when it began: put it back as it was`)
}
