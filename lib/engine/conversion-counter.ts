/** What the target's form made of values and names, by kind. */
import { examplesPerKind, shortenId } from '../report.ts'
import type { CollectionReport, ConversionGroup } from '../report.ts'
import type { OnConversion } from '../types.ts'

/** Counts the conversions of one document at a time, once it is known that the target takes it. */
export class ConversionCounter {
  readonly #report: () => CollectionReport
  readonly #pending: { readonly group: ConversionGroup; readonly path: string | undefined }[] = []

  constructor(report: () => CollectionReport) {
    this.#report = report
  }

  readonly onConversion: OnConversion = (kind, conversion, path) => {
    const { conversions } = this.#report()
    let group = conversions.find(candidate => candidate.kind === kind && candidate.conversion === conversion)
    if (!group) group = this.#pending.find(candidate => candidate.group.kind === kind && candidate.group.conversion === conversion)?.group
    group ??= { kind, conversion, count: 0, examples: [] }
    this.#pending.push({ group, path: group.examples.length < examplesPerKind ? path() : undefined })
  }

  /** The target refuses the document. */
  forget(): void {
    this.#pending.length = 0
  }

  count(id: string): void {
    if (this.#pending.length === 0) return
    const { conversions } = this.#report()
    for (const { group, path } of this.#pending) {
      if (group.count++ === 0) conversions.push(group)
      if (path === undefined || group.examples.length >= examplesPerKind) continue
      const shortened = shortenId(id)
      if (group.examples.at(-1)?.id !== shortened) group.examples.push({ id: shortened, path: shortenId(path) })
    }
    this.#pending.length = 0
  }
}
