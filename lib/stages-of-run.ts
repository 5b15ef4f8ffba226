/** What a run can't keep and its pipeline knows: stages that no text can name, and ends with a password in their address. */
import type { RunRecord } from './checkpoint/run-folder.ts'
import { DocferryError } from './errors.ts'
import { givenAgain, keptEnd } from './open.ts'
import type { Endpoint } from './open.ts'
import type { PlannedOptions } from './plan/plan.ts'
import { parseStage } from './registry.ts'
import type { Environment, RunStage } from './types.ts'

interface Making {
  readonly environment?: Environment | undefined
  /** Whether the stages may be other ones by now, as long as they are called the same: somebody has mended them. Default false. */
  readonly mayBeMended?: boolean
}

/**
 * The stages of a run, made again: from their texts, or from the file of the run's pipeline.
 *
 * @throws {DocferryError} DOCFERRY_USAGE, DOCFERRY_CONFIG, or DOCFERRY_RUN_UNFIT where the pipeline's file says something else by now
 */
export async function stagesOfRun(
  { stages, pipeline }: Pick<PlannedOptions, 'stages' | 'pipeline'>,
  { environment = {}, mayBeMended = false }: Making
): Promise<readonly RunStage[]> {
  const own = pipeline ? await stagesOfPipeline(pipeline, stages, { environment, mayBeMended }) : []
  const others = await Promise.all(stages.slice(own.length).map(text => parseStage(text, { folder: '.', environment })))
  return [...own, ...others]
}

/** Those of the pipeline stand first. */
async function stagesOfPipeline(
  { file, target }: NonNullable<PlannedOptions['pipeline']>,
  texts: readonly string[],
  { environment, mayBeMended }: Required<Making>
): Promise<readonly RunStage[]> {
  const { loadPipeline } = await import('./pipeline/load.ts')
  const { makeStages } = await import('./pipeline/make-stages.ts')
  const stages = await makeStages(await loadPipeline(file, { environment: environment ?? {}, cwd: '.' }), {
    environment: environment ?? {},
    target
  })
  const known = (text = ''): string => (mayBeMended ? text.replace(/#[^#]*$/, '') : text)
  if (stages.every(({ name, text = name }, index) => known(text) === known(texts[index]))) return stages
  throw hasOther('stages', file)
}

function hasOther(what: string, file: string): DocferryError {
  return new DocferryError('DOCFERRY_RUN_UNFIT', `${file} has other ${what} than the run had when it began: put it back as it was`)
}

/**
 * An end of a run: as it is given now, as the run has kept it, or as its pipeline says.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG where nobody knows it
 */
export async function endOfRun(
  record: RunRecord,
  role: 'source' | 'target',
  { given, environment = {} }: { readonly given?: Endpoint | undefined; readonly environment?: Environment | undefined }
): Promise<Endpoint> {
  if (given !== undefined) return await givenAgain(given, record, role)
  const end = record.ends[role] ?? (await endOfPipeline(record.asked as PlannedOptions, role, environment))
  return end ?? keptEnd(record, role)
}

/**
 * @returns undefined where the run is of no pipeline, or of one that has no such target any more
 * @throws {DocferryError} DOCFERRY_CONFIG; DOCFERRY_RUN_UNFIT where the file's sources are others by now
 */
export async function endOfPipeline(
  { pipeline }: Pick<PlannedOptions, 'pipeline'>,
  role: 'source' | 'target',
  environment: Environment
): Promise<Endpoint | undefined> {
  if (!pipeline) return undefined
  const { loadPipeline } = await import('./pipeline/load.ts')
  const { sourceOf, sourcesDigest } = await import('./pipeline/run-options.ts')
  const loaded = await loadPipeline(pipeline.file, { environment, cwd: '.' })
  if (role === 'source' && pipeline.sources !== undefined && pipeline.sources !== sourcesDigest(loaded))
    throw hasOther('sources', pipeline.file)
  return role === 'source' ? sourceOf(loaded, environment) : loaded.targets.find(({ name }) => name === pipeline.target)?.address
}
