import { DocferryError } from '../errors.ts'
import { examinePipeline } from './examine.ts'
import type { ReadPipelineOptions } from './examine.ts'
import { issueLine } from './findings.ts'
import type { Pipeline } from './pipeline.ts'

/**
 * Read a pipeline file: .yaml, .yml, .json, or a program (.ts, .js and their kin) whose default export is the same, or a function of the
 * environment that gives it.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG with every issue, one a line
 */
export async function loadPipeline(path: string, options: ReadPipelineOptions): Promise<Pipeline> {
  const { pipeline, issues } = await examinePipeline(path, options)
  if (pipeline) return pipeline
  throw new DocferryError('DOCFERRY_CONFIG', issues.map(issueLine).join('\n'))
}
