/** What one side holds of one id: nothing, one document, or many, of which the digests are kept and one is whole. */
import type { SpooledDocument } from './spool.ts'

export class Copies {
  /** The one that came last. */
  last: SpooledDocument | undefined
  /** Why the target refuses one of them. */
  reason: string | undefined
  /** Each as often as it came. */
  count = 0
  /** How often each came, once there are two. */
  #times: Map<string, number> | undefined

  constructor(document?: SpooledDocument) {
    if (document) this.add(document)
  }

  add(document: SpooledDocument): void {
    if (this.last) this.#times ??= new Map([[keyOf(this.last), 1]])
    if (this.#times) {
      const key = keyOf(document)
      this.#times.set(key, (this.#times.get(key) ?? 0) + 1)
    }
    this.last = document
    this.reason ??= document.reason
    this.count++
  }

  /** Whether both hold the same documents, each as often, in any order. */
  equals(other: Copies): boolean {
    if (this.count !== other.count) return false
    if (!this.#times || !other.#times) return this.count === 0 || keyOf(this.last!) === keyOf(other.last!)
    if (this.#times.size !== other.#times.size) return false
    for (const [key, times] of this.#times) if (other.#times.get(key) !== times) return false
    return true
  }

  /** Whether both hold the same document. */
  sharesWith(other: Copies): boolean {
    if (!this.#times) return this.last !== undefined && other.#has(keyOf(this.last))
    for (const key of this.#times.keys()) if (other.#has(key)) return true
    return false
  }

  #has(key: string): boolean {
    return this.#times ? this.#times.has(key) : this.last !== undefined && keyOf(this.last) === key
  }
}

/** The digests in few bytes. */
function keyOf({ values, kinds = '' }: SpooledDocument): string {
  return Buffer.from(values, 'base64').toString('latin1') + Buffer.from(kinds, 'base64').toString('latin1')
}
