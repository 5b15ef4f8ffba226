/**
 * The grammar of JSON over its bytes, part by part and without reading values: where text stops being the beginning of valid JSON, and where
 * elements of lists may begin. Bytes past ASCII are taken for text in strings: whether they are UTF-8 is not looked at.
 */

/** In so many brackets, their own included, the lists of documents stand at most: `{"data":{"agents":[`. */
const listDepth = 3

/** What is expected next. */
const state = {
  start: 0,
  value: 1,
  /** A value, or the end of the list that has just begun. */
  firstValue: 2,
  key: 3,
  firstKey: 4,
  colon: 5,
  /** Behind a value: a comma or a closing bracket. */
  next: 6,
  string: 7,
  /** Behind a backslash; the next four: of `\uXXXX`. */
  escape: 8,
  keyString: 13,
  keyEscape: 14,
  minus: 19,
  zero: 20,
  digits: 21,
  point: 22,
  fraction: 23,
  exponent: 24,
  exponentSign: 25,
  exponentDigits: 26,
  /** Two bytes of it are still to come, or one. */
  byteOrderMark: 27,
  /** In `true`, `false`, `null`: a state for each letter but the first. */
  words: 29
} as const

/** What a byte does beside leading to a state. */
const openMap = 250
const openList = 251
const closeMap = 252
const closeList = 253
const comma = 254
const wrong = 255

/** By state and byte: the next state, or what the byte does. */
const table = makeTable()

/** Follows JSON from its beginning. */
export class JsonSyntax {
  /** What `find` stopped at: an element of a list may begin (behind `[` or a comma), a byte that can't follow, or the end of the part. */
  found: 'element' | 'wrong' | 'end' = 'end'
  #state: number = state.start
  /** Of each open bracket, whether it is a map's. */
  readonly #maps: boolean[] = []
  /** Brackets up to the list that was entered, its own included; 0: none. */
  #list = 0

  /** Whether valid JSON may end here. */
  get isWhole(): boolean {
    return this.#maps.length === 0 && isValueDone(this.#state)
  }

  /** Whether a value inside of another one, or of a list, is done, and space or something wrong has followed. */
  get isBehindValue(): boolean {
    return this.#maps.length > 0 && this.#state === state.next
  }

  /** From here on only elements of the list at which `find` has stopped are to be found, and no lists inside of them. */
  enter(): void {
    this.#list = this.#maps.length
  }

  /** Elements of the list that was entered were read by somebody else. @param hasComma whether they end behind a comma */
  passOver(hasComma: boolean): void {
    this.#state = hasComma ? state.value : state.next
  }

  /** Go on from a place of the next part. @returns where it stops: behind what lets an element begin, or in front of what is wrong */
  find(bytes: Buffer, from: number): number {
    let now = this.#state
    this.found = 'end'
    let at = from
    while (at < bytes.length && this.found === 'end') {
      let next = table[(now << 8) | bytes[at]!]!
      if (next >= openMap) next = this.#act(next)
      if (next === wrong) this.found = 'wrong'
      else {
        now = next
        at++
      }
    }
    this.#state = now
    return at
  }

  /** @returns the next state, or `wrong` */
  #act(action: number): number {
    const maps = this.#maps
    switch (action) {
      case openMap:
        maps.push(true)
        return state.firstKey
      case openList:
        maps.push(false)
        if (maps.length <= listDepth && this.#list === 0) this.found = 'element'
        return state.firstValue
      case comma:
        if (maps.length === 0) return wrong
        if (maps.length === this.#list) this.found = 'element'
        return maps[maps.length - 1] ? state.key : state.value
      case closeMap:
      case closeList:
        if (maps.length === 0 || maps[maps.length - 1] !== (action === closeMap)) return wrong
        if (maps.length === this.#list) this.#list = 0
        maps.pop()
        return state.next
      default:
        return wrong
    }
  }
}

function isValueDone(now: number): boolean {
  return table[(now << 8) | 0x20] === state.next
}

function makeTable(): Uint8Array {
  const made = new Uint8Array(64 << 8).fill(wrong)
  const on = (from: number, bytes: string, to: number): void => {
    for (const byte of Buffer.from(bytes, 'latin1')) made[(from << 8) | byte] = to
  }
  const like = (from: number, other: number): void => void made.copyWithin(from << 8, other << 8, (other + 1) << 8)

  on(state.value, '"', state.string)
  on(state.value, '{', openMap)
  on(state.value, '[', openList)
  on(state.value, '-', state.minus)
  on(state.value, '0', state.zero)
  on(state.value, '123456789', state.digits)
  let word: number = state.words
  for (const [first, ...rest] of ['true', 'false', 'null']) {
    on(state.value, first!, word)
    for (const [index, letter] of rest.entries()) {
      on(word, letter, index === rest.length - 1 ? state.next : word + 1)
      word++
    }
  }
  on(state.value, ' \t\r\n', state.value)
  like(state.firstValue, state.value)
  on(state.firstValue, ' \t\r\n', state.firstValue)
  on(state.firstValue, ']', closeList)
  like(state.start, state.value)
  on(state.start, '\xef', state.byteOrderMark)
  on(state.byteOrderMark, '\xbb', state.byteOrderMark + 1)
  on(state.byteOrderMark + 1, '\xbf', state.value)

  on(state.key, ' \t\r\n', state.key)
  on(state.key, '"', state.keyString)
  on(state.firstKey, ' \t\r\n', state.firstKey)
  on(state.firstKey, '"', state.keyString)
  on(state.firstKey, '}', closeMap)
  on(state.colon, ' \t\r\n', state.colon)
  on(state.colon, ':', state.value)
  on(state.next, ' \t\r\n', state.next)
  on(state.next, ',', comma)
  on(state.next, '}', closeMap)
  on(state.next, ']', closeList)

  for (const [string, escape, behind] of [
    [state.string, state.escape, state.next],
    [state.keyString, state.keyEscape, state.colon]
  ] as const) {
    made.fill(string, (string << 8) | 0x20, (string + 1) << 8)
    on(string, '"', behind)
    on(string, '\\', escape)
    on(escape, '"\\/bfnrt', string)
    on(escape, 'u', escape + 1)
    for (const digit of [1, 2, 3, 4]) on(escape + digit, '0123456789abcdefABCDEF', digit === 4 ? string : escape + digit + 1)
  }

  on(state.minus, '0', state.zero)
  on(state.minus, '123456789', state.digits)
  for (const whole of [state.zero, state.digits, state.fraction, state.exponentDigits]) like(whole, state.next)
  on(state.digits, '0123456789', state.digits)
  for (const integer of [state.zero, state.digits]) on(integer, '.', state.point)
  on(state.point, '0123456789', state.fraction)
  on(state.fraction, '0123456789', state.fraction)
  for (const number of [state.zero, state.digits, state.fraction]) on(number, 'eE', state.exponent)
  on(state.exponent, '+-', state.exponentSign)
  for (const each of [state.exponent, state.exponentSign, state.exponentDigits]) on(each, '0123456789', state.exponentDigits)
  return made
}
