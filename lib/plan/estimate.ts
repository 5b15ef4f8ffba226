/** What a move takes: sums over counts that are estimates themselves, so nothing here is rounded; that is for whoever shows it. */
import type { PlaceName, Usage } from '../types.ts'
import type { PriceTable } from './prices.ts'

export interface CostLine {
  /** In words, in the plural: `write units`. */
  readonly what: string
  readonly count: number
  /** Of one. */
  readonly price: number
  readonly amount: number
}

export interface Cost {
  readonly amount: number
  readonly currency: string
  readonly lines: readonly CostLine[]
}

/** What is stored, in the bytes by which the target counts documents (`Encoded.size`). */
export interface Stored {
  readonly bytes: number
  readonly documents: number
}

/** What DynamoDB adds to each item for its index (its guide, "item sizes and formats"). */
const itemOverhead = 100

/** As AWS's own calculator for DynamoDB counts (agent-toolkit-for-aws). */
const gigabyte = 1e9
const gibibyte = 2 ** 30

/**
 * What a service charges for what was asked of it.
 *
 * @returns undefined where nothing is charged by use (its cost is that of the machine), or nothing that is charged was counted
 */
export function costOf(provider: PlaceName, usage: Usage, prices: PriceTable): Cost | undefined {
  const lines: CostLine[] = []
  const charge = (what: string, count: number | undefined, price: number): void => {
    if (count !== undefined) lines.push({ what, count, price, amount: count * price })
  }
  if (provider === 'dynamodb') {
    charge('write units', usage.writeUnits, prices.dynamodb.writeUnit)
    charge('read units', usage.readUnits, prices.dynamodb.readUnit)
  }
  if (provider === 'firestore') {
    charge('document writes', usage.documentWrites, prices.firestore.documentWrite)
    charge('document reads', usage.documentReads, prices.firestore.documentRead)
  }
  return total(lines, prices)
}

/**
 * What it costs to keep documents for a month.
 *
 * Without indexes: those of Firestore, which it makes by itself for every field, often take more space than the documents.
 *
 * @returns undefined where nothing is charged by what is stored
 */
export function storageCostOf(provider: PlaceName, { bytes, documents }: Stored, prices: PriceTable): Cost | undefined {
  const line = (what: string, count: number, price: number): CostLine => ({ what, count, price, amount: count * price })
  if (provider === 'dynamodb')
    return total([line('GB for a month', (bytes + documents * itemOverhead) / gigabyte, prices.dynamodb.storageGBMonth)], prices)
  if (provider === 'firestore') return total([line('GiB for a month', bytes / gibibyte, prices.firestore.storageGiBMonth)], prices)
  return undefined
}

function total(lines: readonly CostLine[], { currency }: PriceTable): Cost | undefined {
  if (lines.length === 0) return undefined
  return { amount: lines.reduce((sum, { amount }) => sum + amount, 0), currency, lines }
}

/** @returns seconds; Infinity at a rate of 0 */
export function timeAt(documents: number, perSecond: number): number {
  return documents === 0 ? 0 : documents / perSecond
}

/** What a whole takes of which a part was measured. A member that is missing stays missing; results are not whole numbers. */
export function scaleUsage(usage: Usage, factor: number): Usage {
  return combine(usage, usage, value => value * factor)
}

/** A member that both lack stays missing. */
export function addUsage(a: Usage, b: Usage): Usage {
  return combine(a, b, (value, other) => value + other)
}

/** What was asked since. */
export function subtractUsage(all: Usage, before: Usage): Usage {
  return combine(all, before, (value, other) => value - other)
}

const billed = ['readUnits', 'writeUnits', 'documentReads', 'documentWrites'] as const

function combine(a: Usage, b: Usage, work: (a: number, b: number) => number): Usage {
  const members = billed.flatMap(name => {
    const [one, other] = [a[name], b[name]]
    return one === undefined && other === undefined ? [] : [[name, work(one ?? 0, other ?? 0)] as const]
  })
  return { requests: work(a.requests, b.requests), ...Object.fromEntries(members) }
}
