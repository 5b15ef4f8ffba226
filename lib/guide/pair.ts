/** What is special about a pair: found by asking the target's own rules about each kind of value that the source may give. */
import { Decimal, Double, GeoPoint, Reference, Timestamp, ValueSet, Vector } from '../values/index.ts'
import type { Value } from '../values/index.ts'
import type { ValueKind } from '../values/kinds.ts'
import type { Conversion, EncodeRules } from '../types.ts'
import type { End } from './ends.ts'
import { formatCount } from '../values/format-count.ts'

/** One that shows whether the target has the type. */
const samples: Readonly<Partial<Record<ValueKind, () => Value>>> = {
  double: () => new Double(1),
  bigint: () => 2n ** 60n,
  decimal: () => new Decimal('0.1234567890123456789'),
  bytes: () => new Uint8Array([1, 2, 3]),
  timestamp: () => new Timestamp(1_700_000_000, 0),
  geoPoint: () => new GeoPoint(1, 2),
  reference: () => new Reference('collection/document'),
  vector: () => new Vector([1, 2]),
  set: () => new ValueSet(['a', 'b'])
}

const titles: Readonly<Partial<Record<ValueKind, string>>> = {
  double: 'fractions that are whole (1.0)',
  bigint: 'integers over 2^53',
  decimal: 'decimals of more digits than a double has',
  bytes: 'bytes',
  timestamp: 'timestamps',
  geoPoint: 'points on the earth',
  reference: 'references',
  vector: 'vectors',
  set: 'sets'
}

/** Ids that some database refuses. */
const ids = ['a/b', '_a', '.', '__a__', 'x'.repeat(1_600), 'x'.repeat(2_100)]

export interface PairOptions {
  readonly rules: EncodeRules
  /** By the names that the target gets. */
  readonly names: readonly string[]
}

export function pairWarnings(source: End, target: End, { rules, names }: PairOptions): string[] {
  return [...sizes(source, target), ...values(source, target, rules), ...idWarnings(target, rules), ...nameWarnings(target, names)]
}

function sizes({ facts: from }: End, { facts: to }: End): string[] {
  const { maxDocumentBytes: most, maxDepth: depth } = to
  const than = (limit: number | undefined): string => (limit === undefined ? '' : `; ${from.title} takes ${formatCount(limit)}`)
  return [
    ...(most !== undefined && most < (from.maxDocumentBytes ?? Infinity)
      ? [
          `${to.title} takes documents of at most ${formatCount(most)} bytes${than(from.maxDocumentBytes)}: the plan names those that are larger`
        ]
      : []),
    ...(depth !== undefined && depth < (from.maxDepth ?? Infinity)
      ? [`${to.title} takes ${depth} maps and lists inside one another${than(from.maxDepth)}: the plan names documents that are deeper`]
      : [])
  ]
}

function values({ facts: from }: End, { facts: to }: End, rules: EncodeRules): string[] {
  const found = new Map<Conversion | 'refused', string[]>()
  for (const kind of from.gives) {
    const make = samples[kind]
    if (!make) continue
    let how: Conversion | 'refused' | undefined
    const encoded = to.encode({ _id: 'a', value: make() }, rules, (_kind, conversion) => (how ??= conversion))
    if (!('payload' in encoded)) how = 'refused'
    if (how) found.set(how, [...(found.get(how) ?? []), titles[kind] ?? kind])
  }
  const sentence = (how: Conversion | 'refused', words: string): string[] => {
    const kinds = found.get(how)
    return kinds ? [`${kinds.join(', ')}: ${words}`] : []
  }
  return [
    ...sentence('merged', `${to.title} holds them as equal numbers of another kind (--types exact tells them apart)`),
    ...sentence(
      'enveloped',
      `${to.title} has no type for them: they are written in envelopes, which docferry reads back, and an application has to know`
    ),
    ...sentence('lossy', `${to.title} holds them as text or numbers, which does not come back as it was`),
    ...sentence('refused', `${to.title} refuses them: the plan names the documents`)
  ]
}

function idWarnings({ facts }: End, rules: EncodeRules): string[] {
  const refused = ids.filter(id => !('payload' in facts.encode({ _id: id }, rules)))
  if (refused.length === 0) return []
  const shown = refused.map(id => (id.length > 20 ? `one of ${formatCount(id.length)} bytes` : id))
  return [`${facts.title} refuses ids such as ${shown.join(', ')}: --on-incompatible escape writes them under others, reversibly`]
}

function nameWarnings({ facts }: End, names: readonly string[]): string[] {
  return names.flatMap(name => {
    const refusal = facts.checkCollection(name)
    return refusal
      ? [`${name} can't be the name of a ${facts.collection} of ${facts.title}: ${refusal.message} (--rename ${name}=NEW)`]
      : []
  })
}
