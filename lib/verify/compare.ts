/** Compares what two sides hold of one id. */
import type { DifferenceKind } from './report.ts'
import type { SpooledDocument, SpooledId } from './spool.ts'

/** `repeats`: the source holds the id more than once, and the target one of these. */
export type Verdict =
  | { readonly kind: 'equal'; readonly repeats: boolean }
  | { readonly kind: Exclude<DifferenceKind, 'changing' | 'unreadable' | 'suspect'>; readonly times?: number }

export function compareId({ source, target }: SpooledId): Verdict {
  if (isSameSet(source, target)) return { kind: 'equal', repeats: false }
  const times = target.length > 1 ? { times: target.length } : {}
  if (target.length === 0) return { kind: 'missing' }
  if (source.length === 0) return { kind: 'extra', ...times }
  const isAmongThem = target.some(held => source.some(ours => isSame(held, ours)))
  if (!isAmongThem) return { kind: 'different', ...times }
  return target.length === 1 ? { kind: 'equal', repeats: true } : { kind: 'repeated', ...times }
}

export function isSame(a: SpooledDocument, b: SpooledDocument): boolean {
  return a.values === b.values && a.kinds === b.kinds
}

/** Each as often on both sides, in any order. */
function isSameSet(source: readonly SpooledDocument[], target: readonly SpooledDocument[]): boolean {
  if (source.length !== target.length) return false
  if (source.length === 1) return isSame(source[0]!, target[0]!)
  const sorted = (documents: readonly SpooledDocument[]): string =>
    documents
      .map(({ values, kinds = '' }) => `${values} ${kinds}`)
      .sort()
      .join()
  return sorted(source) === sorted(target)
}
