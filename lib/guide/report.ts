/** A migration as steps to follow. Plain JSON, without secrets. */
import type { ProviderName } from '../types.ts'

export const guideParts = ['prepare', 'migrate', 'switch', 'afterwards', 'rollback'] as const
export type GuidePart = (typeof guideParts)[number]

/** As it is typed into a shell (bash). */
export interface GuideCommand {
  readonly text: string
  /** Only in this case; missing: always. */
  readonly when?: string
}

export interface GuideStep {
  readonly part: GuidePart
  readonly title: string
  /** What people do themselves. */
  readonly people?: readonly string[]
  readonly commands?: readonly GuideCommand[]
  readonly notes?: readonly string[]
}

export interface GuideEnd {
  readonly provider: ProviderName
  /** As in the commands: a password is named by its variable. */
  readonly address: string
  /** Variables that the commands need in the environment or in `.env`. */
  readonly variables: readonly string[]
}

export interface Guide {
  readonly docferry: string
  readonly source: GuideEnd
  readonly target: GuideEnd
  readonly collections?: readonly string[]
  /** What is special about this pair: sizes, values, names. */
  readonly warnings: readonly string[]
  readonly steps: readonly GuideStep[]
}
