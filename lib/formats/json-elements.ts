/**
 * The bytes of a JSON file on two ways: elements of its lists that are documents by the kernel or JSON.parse, where these are sure of them, and
 * everything else by stream-json (`JsonText`), which is told of them by a stand-in. So stream-json alone says what the file is, and what is wrong with it.
 */
import { isUtf8 } from 'node:buffer'
import { DocferryError } from '../errors.ts'
import { openElements } from '../kernel/elements.ts'
import type { PackElements } from '../kernel/elements.ts'
import { canPack, maxBlockBytes } from '../kernel/kernel.ts'
import type { ElementRun, Packing } from '../packed.ts'
import { maxDepth, parseJson } from '../values/index.ts'
import type { Document } from '../values/index.ts'
import { isDocument } from './document-line.ts'
import { findElement, findSeparator } from './find-element.ts'
import type { ElementPlace } from './find-element.ts'
import type { JsonText } from './json-text.ts'
import { openCharacterBytes } from './utf8.ts'

/** An element that is longer goes through stream-json, for it would be held twice. */
const maxHeldBytes = 4 << 20
/** An element that is longer is not looked at again with each few bytes that come. */
const smallBytes = 64 << 10
/** What is passed over is packed to see that it is valid. */
const passing: Packing = { drop: [] }

export class JsonElements {
  readonly #text: JsonText
  readonly #packing: Packing | undefined
  /** Whether the next byte may begin an element of a list. */
  #isAtElement = false
  /** The beginning of an element, in the parts in which it came. */
  #held: Buffer[] = []
  #heldBytes = 0
  #nextLook = 0
  #separator: Buffer | undefined

  /** @param packing where documents may travel packed */
  constructor(text: JsonText, packing: Packing | undefined) {
    this.#text = text
    this.#packing = packing && canPack() ? packing : undefined
  }

  /** What stands between elements, as far as they have come: see `LinePacker.packElements`. Missing where nothing is known of that. */
  get separator(): Buffer | undefined {
    return this.#separator
  }

  /**
   * @param chunk may be used again afterwards
   * @param runs that were packed of it by what was taken for the separator: each is taken if an element may begin where it does
   */
  push(chunk: Buffer, runs: readonly ElementRun[] = []): void {
    let at = 0
    let taken = 0
    for (const run of runs) {
      this.#readNext(chunk.subarray(at, run.from))
      at = run.from
      if (!this.#takeRun(run)) continue
      at += run.bytes
      taken += run.bytes
    }
    // Most were guesses that were wrong: it is found anew.
    if (taken < chunk.length / 2) this.#separator = undefined
    this.#readNext(chunk.subarray(at))
  }

  #readNext(chunk: Buffer): void {
    if (chunk.length === 0) return
    if (this.#heldBytes + chunk.length < this.#nextLook) return this.#keep(chunk)
    this.#held.push(chunk)
    const bytes = this.#take()
    const rest = this.#read(bytes)
    if (bytes.length - rest > maxHeldBytes) return this.#feedRest(bytes, rest)
    this.#hold(bytes.subarray(rest))
  }

  /** Nothing follows what has come: read of it what is whole. */
  settle(): void {
    const bytes = this.#take()
    this.#hold(bytes.subarray(this.#read(bytes)))
  }

  /** The input ends. */
  end(): void {
    this.settle()
    this.#feedRest(this.#take(), 0)
    this.#text.end()
  }

  #take(): Buffer {
    const bytes = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = this.#nextLook = 0
    return bytes
  }

  #keep(bytes: Buffer): void {
    this.#held.push(Buffer.from(bytes))
    this.#heldBytes += bytes.length
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#keep(bytes)
    this.#nextLook = bytes.length < smallBytes ? 0 : 2 * bytes.length
  }

  /** @returns where what is left begins: an element that is not whole */
  #read(bytes: Buffer): number {
    let at = 0
    let pack: BlockPacker | undefined
    while (at < bytes.length) {
      if (!this.#isAtElement) {
        at = this.#feed(bytes, at)
        continue
      }
      pack = this.#packerFor(bytes, at, pack)
      const end = pack.isValid ? this.#packElements(pack, at) : at
      const next = end > at ? end : this.#readElement(bytes, at, pack.isValid ? pack.end : at)
      if (next === at) return at
      at = next
    }
    return at
  }

  /** Hand bytes to stream-json up to where the next element may begin. @returns where it does */
  #feed(bytes: Buffer, from: number): number {
    const stop = this.#text.push(bytes, from)
    this.#isAtElement = this.#text.isAtElement
    return stop
  }

  #feedRest(bytes: Buffer, from: number): void {
    this.#text.pushAll(bytes, from)
    this.#isAtElement = this.#text.isAtElement
  }

  /** The same as long as elements of its block are left. */
  #packerFor(bytes: Buffer, at: number, last: BlockPacker | undefined): BlockPacker {
    const { toPass } = this.#text.documents
    const packing = toPass > 0 ? passing : this.#packing
    if (last && at < last.end && last.packing === packing) return last
    const part = bytes.subarray(at, at + maxBlockBytes)
    const block = part.subarray(0, part.length - openCharacterBytes(part))
    const isValid = isUtf8(block)
    return {
      start: at,
      end: at + block.length,
      block,
      isValid,
      packing,
      pack: isValid && packing ? openElements(block, packing) : undefined
    }
  }

  /** @returns behind them; the same place where there are none */
  #packElements({ start, block, pack }: BlockPacker, at: number): number {
    const { documents } = this.#text
    const { toPass } = documents
    const found = pack?.(at - start, toPass > 0 ? toPass : (this.#packing?.most ?? Infinity))
    if (!found) return at
    const { packed, bytes, lines, hasComma } = found
    if (toPass > 0) documents.pass(packed.count)
    else documents.addPacked(packed)
    this.#separator ??= findSeparator(block, at - start)
    this.#passOver(bytes, lines, hasComma)
    return at + bytes
  }

  /** @returns whether it was one that stands where the text has come to */
  #takeRun({ packed, bytes, lines, hasComma }: ElementRun): boolean {
    const { documents } = this.#text
    const { toPass } = documents
    if (!this.#isAtElement || this.#heldBytes > 0 || !this.#packing || (toPass > 0 && toPass < packed.count)) {
      packed.discard()
      return false
    }
    if (toPass > 0) {
      documents.pass(packed.count)
      packed.discard()
    } else documents.addPacked(packed)
    this.#passOver(bytes, lines, hasComma)
    return true
  }

  /** @param validEnd up to where the bytes are known to be valid UTF-8; @returns behind it; the same place where it is not whole */
  #readElement(bytes: Buffer, at: number, validEnd: number): number {
    const found = findElement(bytes, at)
    if (found === 'part') return at
    const document = found === 'other' ? undefined : documentAt(bytes, found, validEnd)
    if (found === 'other' || !document) return this.#feed(bytes, at)
    const { documents } = this.#text
    if (documents.toPass > 0) documents.pass(1)
    else documents.addDocument(document)
    this.#passOver(found.next - at, found.lines, found.hasComma)
    return found.next
  }

  #passOver(bytes: number, lines: number, hasComma: boolean): void {
    this.#text.passOver(bytes, lines, hasComma)
    this.#isAtElement = hasComma
  }
}

/** A part of the bytes at hand. */
interface BlockPacker {
  readonly start: number
  readonly end: number
  readonly block: Buffer
  /** Whether it is valid UTF-8. */
  readonly isValid: boolean
  readonly packing: Packing | undefined
  readonly pack: PackElements | undefined
}

/** @returns undefined where stream-json must say what it is */
function documentAt(bytes: Buffer, { start, end, depth }: ElementPlace, validEnd: number): Document | undefined {
  if (depth > maxDepth) return undefined
  if (end > validEnd && !isUtf8(bytes.subarray(start, end))) return undefined
  try {
    const value = parseJson(bytes.toString('utf8', start, end))
    return isDocument(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DocferryError) return undefined
    throw error
  }
}
