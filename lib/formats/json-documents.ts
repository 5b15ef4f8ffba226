/** Builds the documents of a JSON file from stream-json's tokens, in which strings and numbers are whole. */
import type { Token } from 'stream-json/core/parser.js'
import { DocferryError } from '../errors.ts'
import { decodeEnvelopes, stringifyDeep } from '../values/index.ts'
import type { Packed } from '../packed.ts'
import type { Document, Value } from '../values/index.ts'
import { isDocument, whyNoDocument } from './document-line.ts'
import { JsonBuilder } from './json-builder.ts'
import type { Spoiled } from './json-builder.ts'
import { namelessError } from './nameless.ts'
import type { Entry } from './page-builder.ts'

/** An entry or several, their collection, and how many entries of the file there are up to behind them. */
export type JsonEntry = (Entry | { readonly packed: Packed }) & { readonly collection: string; readonly entries: number }

export interface JsonDocumentsOptions {
  /** Entries to pass over. Default 0. */
  readonly skip?: number
  /** Names the documents of a plain list. */
  readonly collection: string | null
  readonly isWanted: (collection: string) => boolean
  readonly onSection?: (collection: string) => void
}

/**
 * Where the next token stands: before everything, in the outermost map, in `data`, in a list of documents, behind everything. A value that
 * is being built or passed over stands in none of them.
 */
type State = 'start' | 'top' | 'data' | 'list' | 'done'

export class JsonDocuments {
  /** The member `metadata`, once it was read. */
  metadata: Value | undefined
  readonly #name: string
  readonly #options: JsonDocumentsOptions
  #state: State = 'start'
  #key = ''
  #plainList = false
  #sawData = false
  #collection = ''
  #wanted = true
  #index = 0
  /** Entries of the list so far. */
  #listed = 0
  #ready: JsonEntry[] = []

  #builder: JsonBuilder | undefined
  /** Depth in a value that is passed over. */
  #skipDepth = 0

  constructor(name: string, options: JsonDocumentsOptions) {
    this.#name = name
    this.#options = options
  }

  get isDone(): boolean {
    return this.#state === 'done'
  }

  /** Whether the documents have begun, so that `metadata` will not come before them any more. */
  get hasData(): boolean {
    return this.#sawData || this.#plainList
  }

  /** Documents, and what stood where one should be, over all lists so far. */
  get entries(): number {
    return this.#index
  }

  /** For people. */
  get place(): string {
    return this.#state === 'list' ? `in ${this.#path()}` : `before the documents' end`
  }

  take(): readonly JsonEntry[] {
    const ready = this.#ready
    if (ready.length > 0) this.#ready = []
    return ready
  }

  /** Make the document that is being read a reject. @returns false where none is being read */
  spoil(why: string): boolean {
    if (this.#state === 'list' && this.#builder) this.#builder.spoiled ??= { code: 'DOCFERRY_BAD_DOCUMENT', message: why }
    else if (this.#skipDepth === 0) return false
    return true
  }

  /** The text ended, and was valid JSON. @throws {DocferryError} DOCFERRY_DECODE where it held no documents */
  finish(): void {
    if (!this.#sawData && !this.#plainList) throw this.#error('it has no "data", and is no list of documents')
  }

  /** Whether the next token is an element of a list of documents, or its end. */
  get isInList(): boolean {
    return this.#state === 'list' && !this.#builder && this.#skipDepth === 0
  }

  /** How many entries from here on are only to be counted. */
  get toPass(): number {
    return this.#wanted ? Math.max(0, (this.#options.skip ?? 0) - this.#index) : Infinity
  }

  /** The list goes on with so many entries that are only counted: no tokens come of them. */
  pass(count: number): void {
    this.#index += count
    this.#listed += count
  }

  /** The same with a document. */
  addDocument(document: Document): void {
    this.#add({ document }, 1)
  }

  addPacked(packed: Packed): void {
    this.#add({ packed }, packed.count)
  }

  #add(entry: Entry | { readonly packed: Packed }, count: number): void {
    this.pass(count)
    this.#ready.push({ ...entry, collection: this.#collection, entries: this.#index })
  }

  token(token: Token): void {
    if (this.#skipDepth > 0) {
      this.#skipDepth += depthChange(token)
      if (this.#skipDepth === 0) this.#valueEnds(undefined)
    } else if (this.#builder) {
      this.#build(this.#builder, token)
    } else {
      this.#outside(token)
    }
  }

  #outside(token: Token): void {
    const { name } = token
    switch (this.#state) {
      case 'start':
        if (name === 'startObject') this.#state = 'top'
        else if (name === 'startArray') this.#beginPlainList()
        else throw this.#error('it is neither an export nor a list of documents')
        return
      case 'top':
        if (name === 'keyValue') this.#key = token.value
        else if (name === 'endObject') this.#state = 'done'
        else if (this.#key === 'metadata') this.#beginValue(token)
        else if (this.#key !== 'data') this.#skipValue(token)
        else if (name === 'startObject') this.#beginData()
        else throw this.#error('its "data" is no map of lists')
        return
      case 'data':
        if (name === 'keyValue') this.#key = token.value
        else if (name === 'endObject') this.#state = 'top'
        else if (name === 'startArray') this.#beginList(this.#key)
        else throw this.#error(`its data[${JSON.stringify(this.#key)}] is no list of documents`)
        return
      case 'list':
        if (name === 'endArray') this.#state = this.#plainList ? 'done' : 'data'
        else if (this.toPass === 0) this.#beginValue(token)
        else this.#skipValue(token)
        return
      case 'done':
        throw this.#error('something follows its end')
    }
  }

  #beginPlainList(): void {
    const { collection } = this.#options
    if (collection === null) throw namelessError(this.#name)
    this.#plainList = true
    this.#beginList(collection)
  }

  #beginData(): void {
    this.#sawData = true
    this.#state = 'data'
  }

  #beginList(collection: string): void {
    this.#state = 'list'
    this.#collection = collection
    this.#wanted = this.#options.isWanted(collection)
    this.#listed = 0
    this.#options.onSection?.(collection)
  }

  #skipValue(token: Token): void {
    this.#skipDepth = depthChange(token)
    if (this.#skipDepth === 0) this.#valueEnds(undefined)
  }

  #beginValue(token: Token): void {
    this.#builder = new JsonBuilder()
    this.#build(this.#builder, token)
  }

  #build(builder: JsonBuilder, token: Token): void {
    if (!builder.add(token)) return
    this.#builder = undefined
    this.#valueEnds(builder)
  }

  /** A whole value ended; `undefined` where it was passed over. */
  #valueEnds(built: JsonBuilder | undefined): void {
    if (this.#state === 'top') {
      if (this.#key === 'metadata') this.metadata = built?.value
      return
    }
    if (built) this.#add(this.#entry(built), 1)
    else this.pass(1)
  }

  #entry({ value: built, hasEnvelope, spoiled }: JsonBuilder): Entry {
    if (spoiled) return this.#reject(built, spoiled, built)
    let value = built
    try {
      if (hasEnvelope) value = decodeEnvelopes(built)
    } catch (error) {
      if (!(error instanceof DocferryError)) throw error
      return this.#reject(built, error, built)
    }
    return isDocument(value)
      ? { document: value }
      : this.#reject(value, { code: 'DOCFERRY_BAD_DOCUMENT', message: whyNoDocument(value) }, built)
  }

  /** @param built what stood in the text: nothing in it was decoded */
  #reject(value: Value, { code, message }: Spoiled, built: Value): Entry {
    const id = isDocument(value) ? value._id : undefined
    return { reject: { code, message, where: this.#path(), id, raw: stringifyDeep(built, { bareMaps: true }) } }
  }

  #path(): string {
    return this.#plainList ? `[${this.#listed}]` : `data[${JSON.stringify(this.#collection)}][${this.#listed}]`
  }

  #error(what: string): DocferryError {
    return new DocferryError('DOCFERRY_DECODE', `${this.#name} is not in a format that docferry reads: ${what}`, { spoilsRun: true })
  }
}

function depthChange({ name }: Token): number {
  if (name === 'startObject' || name === 'startArray') return 1
  return name === 'endObject' || name === 'endArray' ? -1 : 0
}
