import { Decimal, Double } from '../../values/index.ts'
import type { Value } from '../../values/index.ts'
import { kindText } from '../text-of.ts'
import { formatCount } from '../../values/format-count.ts'

/** How many different values of a field are told apart. */
const mostValues = 50
const longestText = 40
const shownInNote = 20

/** As the log does, and words that are told of people. */
const secretName =
  /pass(?:word|wd|phrase)?|secret|token|api[_-]?key|(?:private|access|session|signing)[_-]?key|authorization|cookie|credential/i

const others = '(others)'

/** How often each value of a field came. Values that nobody should read in a report go by what they are. */
export class ValueCounts {
  readonly #path: string
  readonly #isSecret: boolean
  readonly #counts = new Map<string, number>()

  constructor(path: string) {
    this.#path = path
    this.#isSecret = secretName.test(path)
  }

  /** @returns the name that it was counted by */
  add(value: Value | undefined): string {
    const name = this.#nameOf(value)
    return this.addNamed(name, 1)
  }

  addNamed(name: string, count: number): string {
    const known = this.#counts.has(name) || this.#counts.size < mostValues ? name : others
    this.#counts.set(known, (this.#counts.get(known) ?? 0) + count)
    return known
  }

  /** `status: active 120, closed 30` */
  describe(): string {
    const sorted = [...this.#counts].sort(([, a], [, b]) => b - a)
    const shown = sorted.slice(0, shownInNote).map(([name, count]) => `${name} ${formatCount(count)}`)
    if (sorted.length > shownInNote) {
      const rest = sorted.slice(shownInNote).reduce((sum, [, count]) => sum + count, 0)
      shown.push(`${sorted.length - shownInNote} more values ${formatCount(rest)}`)
    }
    return `${this.#path}: ${shown.join(', ') || 'no documents'}`
  }

  #nameOf(value: Value | undefined): string {
    if (value === undefined) return '(missing)'
    if (value === null) return 'null'
    if (this.#isSecret) return `(${kindText(value)}, not shown)`
    if (typeof value === 'string') return value.length > longestText ? '(long text)' : JSON.stringify(value)
    if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value)
    if (value instanceof Double) return String(value.value)
    return value instanceof Decimal ? value.digits : `(${kindText(value)})`
  }
}
