import { examinePipeline } from './examine.ts'
import type { ReadPipelineOptions } from './examine.ts'
import type { Issue } from './findings.ts'

export { issueLine } from './findings.ts'
export type { Issue } from './findings.ts'

/** Everything that is wrong with a pipeline file, in its order; nothing is connected to. Its modules are loaded, and its stages made. */
export async function lintPipeline(path: string, options: ReadPipelineOptions): Promise<readonly Issue[]> {
  const { issues } = await examinePipeline(path, options)
  return issues
}
