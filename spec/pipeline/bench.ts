/** Where specs of pipeline files work: a folder of files, new for each spec. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { issueLine, lintPipeline } from '../../lib/pipeline/lint.ts'
import { loadPipeline } from '../../lib/pipeline/load.ts'
import type { Pipeline } from '../../lib/pipeline/pipeline.ts'
import type { Environment } from '../../lib/types.ts'

export interface PipelineBench {
  readonly folder: string
  write(name: string, text: string): string
  /** The issues of a pipeline with this text, as lines. */
  lint(text: string, environment?: Environment, name?: string): Promise<readonly string[]>
  load(text: string, environment?: Environment, name?: string): Promise<Pipeline>
}

/** Inside a `describe`: its hooks make and remove the folder. */
export function pipelineBench(): PipelineBench {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-pipeline-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const write = (name: string, text: string): string => {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
    return name
  }
  return {
    get folder() {
      return folder
    },
    write,
    lint: async (text, environment = {}, name = 'x.yaml') =>
      (await lintPipeline(write(name, text), { environment, cwd: folder })).map(issueLine),
    load: async (text, environment = {}, name = 'x.yaml') => await loadPipeline(write(name, text), { environment, cwd: folder })
  }
}

/** Between two files, so that nothing else is needed. */
export const ends = 'source: in.json\ntarget: out.json\n'
