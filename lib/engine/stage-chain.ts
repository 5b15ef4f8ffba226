/** The streams between reader and writer: neighbouring function stages fused into one, each Node Transform on its own. */
import type { Duplex } from 'node:stream'
import type { Document, Leaving, Mark, RunStage, Stage, TransformStage } from '../types.ts'
import { stageTrouble } from './apply-stages.ts'
import type { StageObserver } from './apply-stages.ts'
import { StageTransform } from './item-streams.ts'
import { TransformStageStream } from './transform-stream.ts'
import type { StagePiece } from './tally.ts'

/** Counts for one of the streams. */
export interface ChainBooks {
  readonly observer: Omit<StageObserver, 'onFailed'>
  readonly pass: (mark: Mark, collection: string, pieces?: readonly StagePiece[]) => void
}

export interface ChainOptions {
  readonly partition: string
  readonly stop?: AbortSignal
  /** Takes known secrets out of what a stage fails with. */
  readonly mask?: ((text: string) => string) | undefined
  /** What the reader was asked to leave out in place of the first stages. */
  readonly leaving?: Leaving | undefined
  /** Called once for each stream, in order. */
  readonly segment: () => ChainBooks
  readonly onJoin: (dropped: Mark, into: Mark) => void
  /** Takes what a stage fails with, and the document, where it is known. */
  readonly onFailure: (error: unknown, document?: Document) => Promise<void>
}

export function isTransformStage(stage: RunStage): stage is TransformStage {
  return 'transform' in stage
}

/** At least one: it counts what is read. */
export function stageChain(stages: readonly RunStage[], options: ChainOptions): readonly Duplex[] {
  const { partition, stop, segment, onJoin, onFailure, mask } = options
  const streams: Duplex[] = []
  const fuse = (fused: readonly Stage[], first: number): void => {
    const { observer, pass } = segment()
    const pieces = (): StagePiece[] => fused.flatMap((stage, index) => pieceOf(stage, first + index, partition))
    const onMark = (mark: Mark, collection: string): void => pass(mark, collection, pieces())
    const leaving = streams.length === 0 ? options.leaving : undefined
    streams.push(new StageTransform(fused, { partition, first, observer, onMark, onFailure, mask, leaving, ...(stop && { signal: stop }) }))
  }
  let fused: Stage[] = []
  let first = 0
  for (const [index, stage] of stages.entries()) {
    if (!isTransformStage(stage)) {
      fused.push(stage)
      continue
    }
    if (fused.length > 0 || streams.length === 0) fuse(fused, first)
    const { observer, pass } = segment()
    streams.push(new TransformStageStream(stage, { partition, stop, mask, observer, onMark: pass, onJoin, onFailure }))
    fused = []
    first = index + 1
  }
  if (fused.length > 0 || streams.length === 0) fuse(fused, first)
  return streams
}

function pieceOf(stage: Stage, index: number, partition: string): StagePiece[] {
  if (typeof stage.state !== 'object') return []
  try {
    const piece = stage.state.take(partition)
    return piece === undefined ? [] : [[index, piece]]
  } catch (error) {
    throw stageTrouble(stage, 'could not say what it remembers', error)
  }
}

/**
 * The stages as functions, for those who look at single documents.
 *
 * @throws what `refuse` makes of the name of a stage that is a Transform
 */
export function functionStages(stages: readonly RunStage[], refuse: (name: string) => Error): readonly Stage[] {
  return stages.map(stage => {
    if (isTransformStage(stage)) throw refuse(stage.name)
    return stage
  })
}
