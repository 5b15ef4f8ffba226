/** Puts documents together from stream-json's packed tokens, as plainly as can be: what docferry's own reading of JSON is compared with. */
import type { Token } from 'stream-json/core/parser.js'

type Fields = Record<string, unknown>

/** Values that stand in a list in the second map, or in a list that is the whole. */
export class TokenBuilder {
  readonly #done: unknown[]
  readonly #open: (Fields | unknown[])[] = []
  readonly #keys: string[] = []
  /** Of what is around the documents: whether each is a list. */
  readonly #around: boolean[] = []
  #key = ''

  constructor(done: unknown[]) {
    this.#done = done
  }

  take(token: Token): void {
    switch (token.name) {
      case 'startObject':
        return this.#begin({}, false)
      case 'startArray':
        return this.#begin([], true)
      case 'endObject':
      case 'endArray':
        return this.#end()
      case 'keyValue':
        this.#key = token.value
        return
      case 'stringValue':
        return this.#put(token.value)
      case 'numberValue':
        return this.#put(Number(token.value))
      case 'nullValue':
      case 'trueValue':
      case 'falseValue':
        return this.#put(token.value)
      default:
    }
  }

  #begin(value: Fields | unknown[], isList: boolean): void {
    const [, , third] = this.#around
    if (this.#open.length === 0 && third !== true && this.#around[0] !== true) {
      this.#around.push(isList)
      return
    }
    this.#open.push(value)
    this.#keys.push(this.#key)
  }

  #end(): void {
    const value = this.#open.pop()
    if (value === undefined) return void this.#around.pop()
    this.#key = this.#keys.pop()!
    if (this.#open.length === 0) this.#done.push(value)
    else this.#put(value)
  }

  #put(value: unknown): void {
    const parent = this.#open.at(-1)
    if (Array.isArray(parent)) parent.push(value)
    else if (parent) parent[this.#key] = value
  }
}
