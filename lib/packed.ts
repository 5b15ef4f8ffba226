/** Documents that travel as the lines of their JSON, because nobody on their way looks into them, or whoever does has done so. */
import { DocferryError } from './errors.ts'
import { ControlItem } from './types.ts'
import type { Document, KindDigests, ValueKind } from './values/index.ts'

/** What a reader may do in place of making objects: leave out these top-level fields, and hand on the text. */
export interface Packing {
  /** At most 32, and no `_id`. */
  readonly drop: readonly string[]
  /** One of these, of which the members are counted where it is a map. */
  readonly counted?: string
  /** Give documents that keep another top-level field than `_id` that begins with an underscore the plain way. */
  readonly noUnderscores?: boolean
  /**
   * Take documents with numbers of which a text keeps the kind (1.0, -0, integers past 2^53) too, and with envelopes: whoever has the lines decodes and writes
   * both as a file's.
   */
  readonly special?: boolean
  /** Each document has to be known by itself: its line and its id. */
  readonly byLine?: boolean
  /** Most documents of a page, and of what is packed together. Default: bytes alone bound these. */
  readonly most?: number
  /** Takes what is left through the stages that look into documents. Missing where there are none. */
  readonly worker?: LineWorker
  /** Where there are none, and documents need not be known by themselves: packs blocks of lines. Missing where whoever has lines does it. */
  readonly packer?: LinePacker
}

/** What may be packed in an envelope, and is told of as a conversion. */
export const envelopedKinds = ['timestamp', 'bytes', 'geoPoint', 'reference', 'vector', 'number'] as const satisfies readonly ValueKind[]

/** Of `Packing.byLine`. */
export interface LinePlaces {
  /** Behind each line's end in the text. */
  readonly ends: Uint32Array
  readonly ids: readonly string[]
}

/** What one is made of. */
export interface PackedParts extends Omit<Packed, 'read' | 'parts' | 'release' | 'counted' | 'discard'>, Partial<Pick<Packed, 'release'>> {
  /** Told when digests and hashes of ids are looked at no more: their memory is used again. Missing where that is nobody's business. */
  readonly onCounted?: (() => void) | undefined
}

/** Told of the ids by their hashes only, and of the documents by their digests: both may be lent, as the text may, and each until it is given back. */
export class Packed extends ControlItem {
  readonly packing: Packing
  /** One line for each document, with its line end. */
  readonly text: Buffer
  readonly count: number
  /** Missing where no document has any. */
  readonly kinds: KindDigests | undefined
  /** Documents that had each of the dropped fields, by their index; and the members of the one that is counted. */
  readonly dropped: readonly number[]
  readonly members: number
  /** Values that stand in the text as envelopes, by the index of their kind among `envelopedKinds`. Missing where there are none. */
  readonly enveloped: readonly number[] | undefined
  /** What the worker's stages made of them. Missing where there was nothing to do. */
  readonly worked: Worked | undefined
  /** Missing where nobody wants to know documents one by one. */
  readonly lines: LinePlaces | undefined
  /** Of whoever has written the text, and needs it no more: its memory is used again. Missing where that is nobody's business. */
  readonly release: (() => void) | undefined
  readonly #digests: Uint32Array
  readonly #idHashes: Int32Array
  readonly #onCounted: (() => void) | undefined
  #isCounted = false

  constructor({
    packing,
    text,
    count,
    digests,
    kinds,
    idHashes,
    dropped,
    members,
    enveloped,
    worked,
    lines,
    release,
    onCounted
  }: PackedParts) {
    super()
    this.packing = packing
    this.text = text
    this.count = count
    this.#digests = digests
    this.kinds = kinds
    this.#idHashes = idHashes
    this.dropped = dropped
    this.members = members
    this.enveloped = enveloped
    this.worked = worked
    this.lines = lines
    this.release = release
    this.#onCounted = onCounted
  }

  /** SHA-256 of each one's canonical bytes, as `documentDigest` makes it: eight words, the most significant first. Nobody keeps them, but copies. */
  get digests(): Uint32Array {
    this.#checkLoan()
    return this.#digests
  }

  /** `idHashes` of each one's id, one pair after the other. Nobody keeps them, but copies. */
  get idHashes(): Int32Array {
    this.#checkLoan()
    return this.#idHashes
  }

  /** To make another of them, which takes the place of this one. */
  parts(): PackedParts {
    const { digests, idHashes } = this
    return { ...this, digests, idHashes, onCounted: this.#onCounted }
  }

  /** Documents that were read to make these. */
  get read(): number {
    return this.worked?.read ?? this.count
  }

  /** Nobody asks for digests and hashes of ids any more, whether or not the text is still being written. May be left out. */
  counted(): void {
    if (this.#isCounted) return
    this.#isCounted = true
    this.#onCounted?.()
  }

  /** Nobody takes these documents. */
  discard(): void {
    this.release?.()
    this.counted()
  }

  /** What lies there by now may be of other documents, and would be in receipts. */
  #checkLoan(): void {
    if (this.#isCounted) throw new DocferryError('DOCFERRY_BUG', 'digests of packed documents were asked for after they were given back')
  }
}

export interface Worked {
  readonly read: number
  /** For each stage that let documents go: its index among the run's, how many, and how many of these it failed on. */
  readonly filtered: readonly { readonly stage: number; readonly count: number; readonly failed: number }[]
  /** How many documents came of others, beyond one of each. */
  readonly added: number
}

/** Documents that came as objects, and follow one another. */
export interface DocumentStretch {
  readonly documents: readonly Document[]
  /** The same, by line. Missing where the plain way must look at them. */
  readonly packed?: Packed
}

/** Lines of a block that follow one another. */
export type Stretch = PackedLines | PlainLine

/** Documents that need not be parsed. */
export interface PackedLines {
  readonly packed: Packed
  /** Bytes that they took of the block. */
  readonly bytes: number
  /** Of the documents as they were read, where they were worked on and somebody asks. */
  readonly came?: Pick<Packed, 'digests' | 'kinds' | 'idHashes'>
}

/** A line that the plain way must look at, in bytes of the block, without its line end. */
export interface PlainLine {
  readonly from: number
  readonly to: number
}

/** Elements of a list that need not be parsed, each with the comma behind it, where there is one. */
export interface PackedElements {
  readonly packed: Packed
  /** Of the block. */
  readonly bytes: number
  /** Line ends in these bytes. */
  readonly lines: number
  /** Whether they end behind a comma, so that another element must follow. */
  readonly hasComma: boolean
}

/** The same of a block of which nobody knows where elements begin: good where one may begin at `from`. */
export interface ElementRun extends PackedElements {
  readonly from: number
}

/** Where a block comes from. */
export interface BlockPlace {
  readonly collection: string
  /** Whether the digests of what is read are wanted. */
  readonly digests: boolean
}

/** Takes blocks of lines through stages, several at a time; what it is not sure of is left as it came. */
export interface LineWorker {
  /** How many blocks may be under way before the first has to be waited for. */
  readonly atOnce: number
  /** @param block whole lines, each with its line end; valid UTF-8; at most `maxBlockBytes`; may be used again once it is answered */
  work(block: Buffer, place: BlockPlace): Promise<readonly Stretch[]>
}

/** Packs blocks of lines, or of JSON that has lists of documents, several at a time. */
export interface LinePacker {
  /** How many blocks may be under way before the first has to be waited for. */
  readonly atOnce: number
  /** Longest block that a place has room for, in bytes, beside the beginning of a line before it. */
  readonly placeBytes: number
  /** So many bytes will come. */
  expect(bytes: number): void
  /** A place for a block; undefined where all are in use. */
  take(): Buffer | undefined
  /** Nobody looks into the place any more that these bytes are in; nothing where it is none. */
  give(bytes: Buffer): void
  /** @param parts of a block, each of whole lines with their line ends; valid UTF-8; together at most `maxBlockBytes`; as they are until it is answered */
  pack(parts: readonly Buffer[]): readonly Stretch[] | Promise<readonly Stretch[]>
  /**
   * @param block any part of the text, at most `placeBytes`; as it is until it is answered; in its place, nothing that is needed may stand behind it
   * @param separator what is taken to stand between two elements, from the brace that ends one to behind the first key of the other
   * @returns what could be packed of it, in its order
   */
  packElements(block: Buffer, separator: Buffer): readonly ElementRun[] | Promise<readonly ElementRun[]>
}
