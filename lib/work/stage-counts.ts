/** What stages let go and add in a block of lines. */
import type { StageObserver } from '../engine/apply-stages.ts'
import type { Worked } from '../packed.ts'
import type { Stage } from '../types.ts'

export class StageCounts implements StageObserver {
  added = 0
  /** What nothing can be written of goes the plain way. */
  readonly looksThrough = true
  readonly #filtered = new Map<object, { count: number; failed: number }>()

  readonly onFiltered: StageObserver['onFiltered'] = (stage, _, isFailed = false) => {
    const its = this.#filtered.get(stage) ?? { count: 0, failed: 0 }
    its.count++
    if (isFailed) its.failed++
    this.#filtered.set(stage, its)
  }

  readonly onAdded: StageObserver['onAdded'] = more => void (this.added += more)

  /** @param first index of the first of the stages among the run's */
  worked(read: number, stages: readonly Stage[], first: number): Worked {
    const filtered = stages.flatMap((stage, index) => {
      const its = this.#filtered.get(stage)
      return its ? [{ stage: first + index, ...its }] : []
    })
    return { read, filtered, added: this.added }
  }
}
