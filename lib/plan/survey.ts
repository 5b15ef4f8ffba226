/** What a dry run learns of the documents on their way: sizes, values by kind, and what writing them would ask of the target's service. */
import { shortenId } from '../report.ts'
import type { CollectionReport, CollectionSurvey } from '../report.ts'
import type { Document, Encoded, Source, Usage, Value } from '../types.ts'
import { kindOf } from '../values/index.ts'
import type { ValueKind, ValueMap } from '../values/index.ts'
import { Distribution } from './distribution.ts'
import { addUsage } from './estimate.ts'
import { isSampled } from './sample-source.ts'
import type { SampledSource } from './sample-source.ts'

/** One collection's, by its name in the target. */
class Account {
  readonly sizes = new Distribution()
  readonly values: Partial<Record<ValueKind, number>> = {}
  largestId = ''
  held: number | undefined
  replaced = 0
  writing: Usage | undefined
}

export class Survey {
  readonly #accounts = new Map<string, Account>()
  readonly #sample: SampledSource | undefined

  /** @param source that the documents come from: of a sample, its size is told */
  constructor(source?: Source) {
    if (source && isSampled(source)) this.#sample = source
  }

  /** A document that the target would take, in its form. */
  readonly add = ({ target }: CollectionReport, document: Document, { bytes, size = bytes }: Encoded): void => {
    const account = this.#of(target)
    if (size > account.sizes.largest || account.sizes.count === 0) account.largestId = shortenId(document._id)
    account.sizes.add(size)
    countKinds(document, account.values)
  }

  /** How many documents the target holds in a collection before the run. */
  countHeld(collection: string, documents: number | undefined): void {
    this.#of(collection).held = documents
  }

  /** A batch that would be written. */
  countBatch(collection: string, usage: Usage | undefined, replaced: number): void {
    const account = this.#of(collection)
    account.replaced += replaced
    if (usage) account.writing = account.writing ? addUsage(account.writing, usage) : usage
  }

  of({ source, target: collection }: Pick<CollectionReport, 'source' | 'target'>): CollectionSurvey {
    const { sizes, values, largestId, held, replaced, writing } = this.#of(collection)
    const { total, largest } = sizes
    const bytes = { total, median: sizes.quantile(0.5), p99: sizes.quantile(0.99), largest, largestId }
    const sample = this.#sample && { ...this.#sample.sampled(source), quick: this.#sample.isQuick(source) }
    return { bytes, values, held, replaced, writing, sample }
  }

  #of(collection: string): Account {
    let account = this.#accounts.get(collection)
    if (!account) this.#accounts.set(collection, (account = new Account()))
    return account
  }
}

/** Maps and arrays count, and so do the values in them; the document itself does not. */
function countKinds(document: Document, counts: Partial<Record<ValueKind, number>>): void {
  for (const field in document) count(document[field], counts)
}

function count(value: Value | undefined, counts: Partial<Record<ValueKind, number>>): void {
  if (value === undefined) return
  const kind = kindOf(value)
  counts[kind] = (counts[kind] ?? 0) + 1
  if (kind === 'array') for (const element of value as Value[]) count(element, counts)
  else if (kind === 'map') for (const field in value as ValueMap) count((value as ValueMap)[field], counts)
}
