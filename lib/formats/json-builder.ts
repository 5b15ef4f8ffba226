/** Builds one value from stream-json's tokens, in which strings and numbers are whole. */
import type { Token } from 'stream-json/core/parser.js'
import { DocferryError } from '../errors.ts'
import { maxDepth, numberFromText, setField } from '../values/index.ts'
import type { Value } from '../values/index.ts'
import type { RejectDetails } from '../types.ts'

type ValueMap = { [key: string]: Value }

/** Why the document that is being read is none. */
export interface Spoiled {
  readonly code: RejectDetails['code']
  readonly message: string
}

/** A map or list that is being built. */
interface Frame {
  readonly list: Value[] | undefined
  readonly map: ValueMap | undefined
  key: string
}

const tooDeepToRead: Spoiled = { code: 'DOCFERRY_TOO_DEEP', message: `nested more than ${maxDepth} levels deep` }

const smallInteger = /^(?:0|-?[1-9]\d{0,14})$/

export class JsonBuilder {
  /** The value, once it is whole. */
  value: Value = null
  /** Whether a key began with `$`, so that there may be envelopes to decode. */
  hasEnvelope = false
  spoiled: Spoiled | undefined
  readonly #frames: Frame[] = []

  /** @returns whether the value is whole */
  add(token: Token): boolean {
    if (token.name === 'keyValue') {
      this.#top().key = token.value
      if (token.value.startsWith('$')) this.hasEnvelope = true
    } else if (token.name === 'endObject' || token.name === 'endArray') {
      const { list, map } = this.#top()
      this.#frames.pop()
      this.#put(list ?? (map as ValueMap))
    } else if (!this.#open(token)) {
      this.#put(this.#scalar(token))
    }
    return this.#frames.length === 0
  }

  #top(): Frame {
    return this.#frames[this.#frames.length - 1] as Frame
  }

  #open({ name }: Token): boolean {
    if (name === 'startObject') this.#frames.push({ list: undefined, map: {}, key: '' })
    else if (name === 'startArray') this.#frames.push({ list: [], map: undefined, key: '' })
    else return false
    // The document itself is none.
    if (this.#frames.length > maxDepth + 1) this.spoiled ??= tooDeepToRead
    return true
  }

  #put(value: Value): void {
    const parent = this.#frames[this.#frames.length - 1]
    if (!parent) this.value = value
    else if (parent.list) parent.list.push(value)
    else setField(parent.map as ValueMap, parent.key, value)
  }

  #scalar(token: Token): Value {
    switch (token.name) {
      case 'stringValue':
        return token.value
      case 'numberValue':
        return smallInteger.test(token.value) ? Number(token.value) : this.#number(token.value)
      case 'trueValue':
      case 'falseValue':
      case 'nullValue':
        return token.value
      default:
        throw new DocferryError('DOCFERRY_BUG', `unexpected token ${token.name}`)
    }
  }

  #number(text: string): Value {
    try {
      return numberFromText(text)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      this.spoiled ??= { code: 'DOCFERRY_BAD_DOCUMENT', message: error.message }
      return text
    }
  }
}
