/** What a user may ask of how documents are written, and how something is told that was not written as it is. */
import type { ValueKind } from '../values/kinds.ts'

/** What happens to a document whose id the target already holds. */
export type OnConflict = (typeof onConflicts)[number]
export const onConflicts = ['skip', 'overwrite', 'fail'] as const

/**
 * How values are written for which a target has no exact type. `natural`: a number is the target's number, anything else an envelope.
 * `exact`: an envelope also where the target would give back another kind of number (1.0 as 1). `plain`: no envelopes, by `toPlain`.
 */
export type Types = (typeof typeModes)[number]
export const typeModes = ['natural', 'exact', 'plain'] as const

/**
 * What happens to a document that the target can't hold as it is. `dead-letter`: it fails, the others are written. `escape`: ids and field
 * names that the target refuses are written by the rule of `values/names.ts`, what is still refused is a dead letter. `fail`: the run ends.
 */
export type OnIncompatible = (typeof onIncompatibles)[number]
export const onIncompatibles = ['dead-letter', 'escape', 'fail'] as const

/**
 * What a run keeps for its undoing. `created`: which documents it made. `all`: also what stood in place of those that it replaced, which is
 * looked up before each write. `none`: nothing.
 */
export type UndoMode = (typeof undoModes)[number]
export const undoModes = ['created', 'all', 'none'] as const

/** What a target's `encode` goes by. */
export interface EncodeRules {
  readonly types: Types
  /** Whether names that the target refuses are escaped; otherwise such a document is refused. */
  readonly escapeNames: boolean
  /** Whether an id that is a path, `x/runs/y`, is one: the document is written there, below the document `x`, where a target has subcollections. */
  readonly subcollections?: boolean | undefined
}

export const defaultRules: EncodeRules = { types: 'natural', escapeNames: false }

/**
 * How something that the target can't hold as it is was written: `merged`, as a number that is equal but comes back as another kind (1.0
 * as 1); `enveloped` and `escaped`, and comes back as it was; `lossy`, and does not.
 */
export type Conversion = 'merged' | 'enveloped' | 'escaped' | 'lossy'

/** Told of each conversion. A `path` is as in `Refusal.path`. */
export type OnConversion = (kind: ValueKind | 'name' | 'id', conversion: Conversion, path: () => string) => void
