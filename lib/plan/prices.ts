/** What the services charge, and what a user says they charge. */
import { didYouMean } from '../config/suggest.ts'
import { DocferryError } from '../errors.ts'

/** Money for one single unit, request or document, not for a million; without free tiers, discounts and taxes. */
export interface PriceTable {
  /** For people: no figure is older than this day, or whose file they come from. */
  readonly date: string
  readonly currency: string
  /** On-demand capacity, Standard table class. */
  readonly dynamodb: {
    readonly region: string
    readonly readUnit: number
    readonly writeUnit: number
    readonly storageGBMonth: number
  }
  /** Standard edition, also of a database that is not the default one. */
  readonly firestore: {
    readonly location: string
    readonly documentRead: number
    readonly documentWrite: number
    readonly storageGiBMonth: number
  }
}

/**
 * List prices, as of these dates, each read by somebody else from the vendor and noted in a public repository:
 *
 * - https://aws.amazon.com/dynamodb/pricing/on-demand/: units from AWS's price list of 2026-09-11 for us-east-1; storage from that of
 *   2026-08-31 for us-west-2, where units cost the same, and from undated notes for us-east-1
 * - https://cloud.google.com/firestore/pricing, us-central1: reads and writes on 2026-10-08, storage from the Cloud Billing Catalog on
 *   2026-08-06. Multi-regions such as nam5 cost more, about twice as much for reads and writes
 */
export const defaultPrices: PriceTable = {
  date: '2026-08-06',
  currency: 'USD',
  dynamodb: { region: 'us-east-1', readUnit: 0.125e-6, writeUnit: 0.625e-6, storageGBMonth: 0.25 },
  firestore: { location: 'us-central1', documentRead: 0.03e-5, documentWrite: 0.09e-5, storageGiBMonth: 0.15 }
}

/**
 * Read a user's prices, a JSON object that holds any part of a `PriceTable`; `defaultPrices` is the rest.
 *
 * @param text the file's
 * @param name the file's, for messages, and for `date` where the file has none
 * @throws {DocferryError} DOCFERRY_CONFIG, listing every issue at once
 */
export function readPrices(text: string, name: string): PriceTable {
  const given = parse(text, name)
  const issues: string[] = []
  const found = new Set<string>()
  const prices = override(defaultPrices, given, '', { issues, found })
  if (found.has('date') && !isDay(prices.date)) issues.push('date: a day is wanted, as in 2026-10-08')
  if (prices.currency !== defaultPrices.currency) {
    const missing = pricePaths(defaultPrices).filter(path => !found.has(path))
    if (missing.length > 0)
      issues.push(`currency: the prices that come with docferry are in ${defaultPrices.currency}; give these too: ${missing.join(', ')}`)
  }
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', `prices in ${name}: ${issues.join('; ')}`)
  return found.size === 0 || found.has('date') ? prices : { ...prices, date: `list prices of ${defaultPrices.date} with those in ${name}` }
}

function parse(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the text, which may be that of a wrong file.
    const message = `prices in ${name}: not valid JSON; an object is wanted, as in {"dynamodb":{"writeUnit":0.000000625}}`
    throw new DocferryError('DOCFERRY_CONFIG', message)
  }
}

interface Findings {
  readonly issues: string[]
  /** Paths of the values that were given. */
  readonly found: Set<string>
}

/** A copy of `base` with the values of `given`, as far as those are of the same form. */
function override<Group extends object>(base: Group, given: unknown, prefix: string, findings: Findings): Group {
  const { issues, found } = findings
  const known = new Map<string, unknown>(Object.entries(base))
  if (!isObject(given)) {
    issues.push(`${prefix === '' ? '' : `${prefix.slice(0, -1)}: `}an object is wanted, with some of ${[...known.keys()].join(', ')}`)
    return base
  }
  const values = new Map(known)
  for (const [key, value] of Object.entries(given)) {
    const path = prefix + key
    const was = known.get(key)
    if (was === undefined)
      issues.push(`${path}: no such name${didYouMean(key, known.keys()) || `; there are ${[...known.keys()].join(', ')}`}`)
    else if (isObject(was)) values.set(key, override(was, value, `${path}.`, findings))
    else if (typeof was === 'number' && !isPrice(value)) issues.push(`${path}: a number from 0 is wanted, ${meaningOf(key, was)}`)
    else if (typeof was === 'string' && !isName(value)) issues.push(`${path}: a text is wanted, as in "${was}"`)
    else {
      found.add(path)
      values.set(key, value)
    }
  }
  return Object.fromEntries(values) as Group
}

function meaningOf(key: string, example: number): string {
  const unit = key.startsWith('storage') ? 'a month' : 'one, not of a million'
  return `the price of ${unit}, as in ${plainDigits(example)}`
}

/** Without an exponent. */
function plainDigits(price: number): string {
  return price.toFixed(12).replace(/\.?0+$/, '')
}

function pricePaths(group: object, prefix = ''): string[] {
  return Object.entries(group).flatMap(([key, value]: [string, unknown]) => {
    if (isObject(value)) return pricePaths(value, `${prefix}${key}.`)
    return typeof value === 'number' ? [prefix + key] : []
  })
}

function isPrice(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== ''
}

function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
