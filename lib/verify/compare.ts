/** Compares what two sides hold of one id. */
import type { DifferenceKind } from './report.ts'
import type { SpooledId } from './spool.ts'

/** `repeats`: the source holds the id more than once, and the target one of these. */
export type Verdict =
  | { readonly kind: 'equal'; readonly repeats: boolean }
  | { readonly kind: Exclude<DifferenceKind, 'changing' | 'unreadable' | 'suspect'>; readonly times?: number }

export function compareId({ source, target }: SpooledId): Verdict {
  if (source.equals(target)) return { kind: 'equal', repeats: false }
  const times = target.count > 1 ? { times: target.count } : {}
  if (target.count === 0) return { kind: 'missing' }
  if (source.count === 0) return { kind: 'extra', ...times }
  if (!target.sharesWith(source)) return { kind: 'different', ...times }
  return target.count === 1 ? { kind: 'equal', repeats: true } : { kind: 'repeated', ...times }
}
