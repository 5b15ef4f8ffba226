import { DocferryError } from '../errors.ts'
import type { RunStage, StageLike } from '../types.ts'

/**
 * Stages as users write them, as the engine wants them.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no stage
 */
export function toStages(stages: readonly StageLike[]): RunStage[] {
  if (!Array.isArray(stages)) throw new DocferryError('DOCFERRY_CONFIG', 'stages: a list is wanted')
  return stages.map((stage: StageLike, index) => {
    const place = `stages[${index}]`
    if (typeof stage === 'function') return { name: stage.name || place, apply: stage }
    const work: unknown = typeof stage === 'object' && stage !== null ? ('transform' in stage ? stage.transform : stage.apply) : undefined
    if (typeof work !== 'function')
      throw new DocferryError(
        'DOCFERRY_CONFIG',
        `${place}: a function, or an object with a name and a function apply or transform, is wanted`
      )
    return stage.name ? stage : { ...stage, name: place }
  })
}
