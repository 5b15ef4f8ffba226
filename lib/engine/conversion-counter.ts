/** What the target's form made of values and names, by kind. */
import { examplesPerKind, shortenId } from '../report.ts'
import type { CollectionReport, ConversionGroup } from '../report.ts'
import type { OnConversion } from '../types.ts'

type Kind = Pick<ConversionGroup, 'kind' | 'conversion'>

/** Counts the conversions of one document at a time, once it is known that the target takes it. */
export class ConversionCounter {
  readonly #reports: () => readonly CollectionReport[]
  readonly #pending: (Kind & { readonly path: string | undefined })[] = []

  /** @param reports in which a document is counted at present */
  constructor(reports: () => readonly CollectionReport[]) {
    this.#reports = reports
  }

  readonly onConversion: OnConversion = (kind, conversion, path) => {
    const isShown = this.#reports().some(report => (groupOf(report, { kind, conversion })?.examples.length ?? 0) < examplesPerKind)
    this.#pending.push({ kind, conversion, path: isShown ? path() : undefined })
  }

  /** Whether the first of the reports shows as many places as it takes. */
  hasExamples(its: Kind): boolean {
    return (groupOf(this.#reports()[0]!, its)?.examples.length ?? 0) >= examplesPerKind
  }

  /** So many that are told of without their places. */
  add(its: Kind, count: number): void {
    if (count > 0) for (const report of this.#reports()) openGroup(report, its).count += count
  }

  /** The target refuses the document. */
  forget(): void {
    this.#pending.length = 0
  }

  count(id: string): void {
    if (this.#pending.length === 0) return
    for (const report of this.#reports()) {
      for (const { kind, conversion, path } of this.#pending) {
        const group = openGroup(report, { kind, conversion })
        group.count++
        if (path === undefined || group.examples.length >= examplesPerKind) continue
        const shortened = shortenId(id)
        if (group.examples.at(-1)?.id !== shortened) group.examples.push({ id: shortened, path: shortenId(path) })
      }
    }
    this.#pending.length = 0
  }
}

/** Of what was not there it makes one. */
function openGroup(report: CollectionReport, { kind, conversion }: Kind): ConversionGroup {
  let group = groupOf(report, { kind, conversion })
  if (!group) report.conversions.push((group = { kind, conversion, count: 0, examples: [] }))
  return group
}

function groupOf({ conversions }: CollectionReport, { kind, conversion }: Kind): ConversionGroup | undefined {
  return conversions.find(group => group.kind === kind && group.conversion === conversion)
}
