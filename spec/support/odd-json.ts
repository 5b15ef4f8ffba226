/** What the properties of readers of JSON spoil it with. */
import fc from 'fast-check'

/** Beginnings, ends and doubles of tokens, and what only looks like one. */
export const oddText = fc.constantFrom(
  ...['', '"', '\\', '{', '}', '[', ']', ',', ',,', ':', ' ', '\n', '\f', '\u0000', '/', '$', 't', 'tru', 'true', 'null', 'nul', 'NaN'],
  ...['0', '1', '-', '-0', '01', '12', '.', '.5', '1.', 'e', 'E+', '1e5', '-1.25E-3', '"a"', '"\\u00e9"', '\\u00', '\\u12'],
  ...['é', '\u00a0', '\u2028', '\ufeff']
)

/** Bytes that are no UTF-8: never a byte of it, a character that is not whole, half a surrogate pair, past the last character. */
export const wrongBytes = fc.constantFrom([0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]).map(bytes => Buffer.from(bytes))
