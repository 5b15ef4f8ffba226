/**
 * Finds the places of a JSON text that may hold what JSON.parse gets wrong, sixteen characters at a time.
 *
 * Nearly every text holds nothing of the kind, and to learn that is all that lossless reading costs. In JavaScript, where every character
 * has to be looked at by itself, it costs half as much as JSON.parse; hence WebAssembly, with which it is a fifth. `suspect` says the
 * same as a pattern: it stands in where WebAssembly is switched off, and is what the specs hold the other against.
 */

/** Behind a digit an exponent or `.0`, unless it can't be a number's end; twelve digits and points (or slashes) in a row; `$`; `\u`. */
const suspect = /(?<=[0-9])(?:[eE][+-9](?![a-z])|\.0(?![1-9a-z]))|[.-9]{12}|\$|\\u/g

/**
 * @param visit called for suspicious places in ascending order, of a row of digits with any of them; returns where to go on, behind
 * that place. Some places are none: where the text isn't ASCII, a character may be taken for another.
 */
export function eachSuspect(text: string, visit: (at: number) => number): void {
  matched += text.length
  if (scanner === undefined && matched > mostMatched) scanner = startScanner()
  if (scanner) eachScanned(text, visit, scanner)
  else eachMatch(text, visit)
}

/** Characters that the pattern looks over first: for what a short run reads, WebAssembly is not worth its start. */
export const mostMatched = 65_536

let matched = 0
/** null where there is none. */
let scanner: Scanner | null | undefined

/** `eachSuspect` without WebAssembly. */
export function eachMatch(text: string, visit: (at: number) => number): void {
  suspect.lastIndex = 0
  for (let match = suspect.exec(text); match !== null; match = suspect.exec(text)) suspect.lastIndex = visit(match.index)
}

function eachScanned(text: string, visit: (at: number) => number, { memory, list, scan }: Scanner): void {
  let goOn = 0
  for (let start = 0; ; start += capacity - overlap) {
    const part = text.length <= capacity ? text : text.slice(start, start + capacity)
    // In Latin-1 every character is one byte: the lower one of its code where that is two.
    memory.write(part, textStart, 'latin1')
    memory[textStart + part.length] = 0
    const count = scan(part.length)
    for (let index = 0; index < count; index++) {
      const entry = list[index]!
      for (let places = entry & 0xffff; places !== 0; places &= places - 1) {
        const at = start + (entry >>> 16) + 31 - Math.clz32(places & -places)
        if (at >= goOn && at < start + part.length) goOn = visit(at)
      }
    }
    if (start + part.length >= text.length) return
  }
}

interface Scanner {
  /** First the constants of the code, from `textStart` the text, with a 0 before and behind it, and from `listStart` the list. */
  readonly memory: Buffer
  /** For each sixteen characters that hold something suspicious: where they begin, times 65,536, and a bit for each place. */
  readonly list: Int32Array
  /** Scans as many characters. @returns the length of the list */
  readonly scan: (end: number) => number
}

const textStart = 64
const listStart = 65_536
const capacity = listStart - 2 * textStart
/** Longer than anything that is sought, so that it is whole in one part of the text at least. */
const overlap = 32

// --- the code: a module with one memory and one function

/** Code that leaves a vector on the stack. */
type Vector = readonly number[]

const constants: number[] = []

/** Sixteen times one byte. They are kept in memory, because V8 builds a literal anew each time that it is used. */
function all(byte: number): Vector {
  if (!constants.includes(byte)) constants.push(byte)
  return [0x20, firstConstant + constants.indexOf(byte)]
}

const vector = (operation: number): number[] => (operation < 128 ? [0xfd, operation] : [0xfd, (operation & 127) | 128, operation >> 7])
const and = (a: Vector, b: Vector): Vector => [...a, ...b, ...vector(78)]
const or = (a: Vector, b: Vector): Vector => [...a, ...b, ...vector(80)]
const equal = (a: Vector, byte: string): Vector => [...a, ...all(byte.charCodeAt(0)), ...vector(35)]
const without = (a: Vector, b: Vector): Vector => [...a, ...b, ...vector(79)]
const wholeQuarter = (a: Vector): Vector => [...a, ...all(255), ...vector(55)]

/** Moved to the top of the range of signed bytes, where one comparison is enough. */
function between(a: Vector, first: string, last: string): Vector {
  const [low, high] = [first.charCodeAt(0), last.charCodeAt(0)]
  return [...a, ...all(127 - high), ...vector(110), ...all(126 - (high - low)), ...vector(39)]
}

const [end, from, listed, here, found, firstConstant] = [0, 1, 2, 3, 4, 5]
const get = (local: number): number[] => [0x20, local]
const set = (local: number): number[] => [0x21, local]
const load = (distance: number): Vector => [...get(from), ...vector(0), 0, textStart + distance]

const exponent = and(equal(or(get(here), all(0x20)), 'e'), between(load(1), '+', '9'))
const pointZero = without(and(equal(get(here), '.'), equal(load(1), '0')), between(load(2), '1', '9'))
const number = without(and(between(load(-1), '0', '9'), or(exponent, pointZero)), between(load(2), 'a', 'z'))
const digits = wholeQuarter(and(between(get(here), '.', '9'), and(between(load(4), '.', '9'), between(load(8), '.', '9'))))
const envelope = or(equal(get(here), '$'), and(equal(get(here), '\\'), equal(load(1), 'u')))

function moduleBytes(): Uint8Array {
  const search = or(number, or(digits, envelope))
  const body = [
    ...constants.flatMap((_, index) => [0x41, index, ...vector(7), 0, 0, ...set(firstConstant + index)]),
    ...[0x03, 0x40], // loop
    ...[...load(0), ...set(here), ...search, ...set(found), ...get(found), ...vector(83), 0x04, 0x40], // if (any bit of found)
    ...[...get(listed), 0x41, 2, 0x74], // memory[listStart + 4 * listed] =
    ...[...get(from), 0x41, 16, 0x74, ...get(found), ...vector(100), 0x72], // (from << 16) | bits of found
    ...[0x36, 2, 0x80, 0x80, 0x04, ...get(listed), 0x41, 1, 0x6a, ...set(listed), 0x0b], // listed += 1
    ...[...get(from), 0x41, 16, 0x6a, 0x22, from, ...get(end), 0x49, 0x0d, 0, 0x0b], // from += 16, again if (from < end)
    ...[...get(listed), 0x0b]
  ]
  const locals = [2, 2, 0x7f, 2 + constants.length, 0x7b]
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, 0x7f, 1, 0x7f]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 2]),
    ...section(7, [2, ...sized([...Buffer.from('memory')]), 2, 0, ...sized([...Buffer.from('scan')]), 0, 0]),
    ...section(10, [1, ...sized([...locals, ...body])])
  ])
}

const sized = (bytes: readonly number[]): number[] => [(bytes.length & 127) | 128, bytes.length >> 7, ...bytes]
const section = (id: number, bytes: readonly number[]): number[] => [id, ...sized(bytes)]

/** What is used of WebAssembly, of which Node's types know nothing. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => {
    readonly exports: { readonly memory: { buffer: ArrayBuffer }; readonly scan: Scanner['scan'] }
  }
}

function startScanner(): Scanner | null {
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()))
    const memory = Buffer.from(exports.memory.buffer)
    memory.set(constants)
    return { memory, list: new Int32Array(exports.memory.buffer, listStart), scan: exports.scan }
  } catch {
    return null
  }
}
