/** How documents of a run travel that nobody has to look at one by one: as the lines of their JSON, or of what stages make of these, in blocks. */
import { leavingFor, packingFor } from './engine/packing.ts'
import type { Division } from './engine/packing.ts'
import { DocumentPacker } from './kernel/pack-documents.ts'
import type { CheckedOptions } from './open-run.ts'
import type { Packing } from './packed.ts'
import { plannedOptions } from './plan/plan.ts'
import type { RunReport } from './report.ts'
import type { Leaving, Partition, RunStage, Source, Target } from './types.ts'
import { packerFor } from './work/packer.ts'
import type { Packer } from './work/packer.ts'
import { workerFor } from './work/stage-worker.ts'
import type { StageWorker } from './work/stage-worker.ts'

export interface RunPackingOptions {
  readonly source: Source
  readonly target: Target
  readonly options: CheckedOptions
  readonly stages: readonly RunStage[]
  readonly report: RunReport
}

export class RunPacking {
  readonly #options: RunPackingOptions
  readonly #packs: boolean
  /** Missing where documents have to be looked at one by one. */
  readonly #division: Division | undefined
  /** What readers may do in place of the first stages where documents come as objects. Missing where these have to be seen as they are. */
  readonly leaving: Leaving | undefined
  /** Missing where nothing has to look into them. */
  #worker: StageWorker | undefined
  /** Missing where they do not go from lines to lines as they are. */
  #packer: Packer | undefined

  constructor(options: RunPackingOptions) {
    this.#options = options
    const { source, target, stages } = options
    // What bounds or watches single documents has to see them.
    const { dryRun = false, again = false, maxRate, types = 'natural' } = options.options
    this.#packs = !dryRun && !again && types !== 'plain'
    // Those that take them as lines, or write lines, make digests of these.
    if (!dryRun && !again)
      this.leaving = leavingFor(stages, { digests: !target.lines?.wantsObjects && !target.digestAll, keepsFailed: true })
    if (this.#packs && maxRate === undefined) this.#division = packingFor(source, target, stages)
  }

  /** For documents that come as objects; undefined where they must not be written as the lines of their JSON. */
  packerOfDocuments(): DocumentPacker | undefined {
    return this.#packs ? new DocumentPacker() : undefined
  }

  /** What its reader is told; undefined where it is to give documents. */
  of({ id }: Partition): Packing | undefined {
    if (!this.#division) return undefined
    const { source, options, report } = this.#options
    const { packing, stages } = this.#division
    if (stages.length > 0) {
      this.#worker ??= workerFor(this.#division, plannedOptions(report, options), options)
      return { ...packing, worker: this.#worker.of(id) }
    }
    if (packing.byLine || !source.works) return packing
    const bytes = report.collections.reduce((sum, { expectedBytes = 0 }) => sum + expectedBytes, 0)
    this.#packer ??= packerFor(packing, options.workers, bytes)
    return this.#packer ? { ...packing, packer: this.#packer } : packing
  }

  notes(): readonly string[] {
    return [...(this.#worker?.notes() ?? []), ...(this.#packer?.notes() ?? [])]
  }

  async close(): Promise<void> {
    await this.#worker?.close()
    await this.#packer?.close()
  }
}
