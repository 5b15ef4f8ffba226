/** Where things are in the module's memory, in bytes (`lib/connectors/firestore/message-kernel.ts` states the same places). */

/** Bytes as the service counts them. */
export const COUNTED: usize = 4096
/** What stands in the line, in its order: kind, place and size of each, or kind and number. */
export const TOKENS: usize = 64 << 10
export const TOKEN_SIZE: usize = 16
export const MOST_TOKENS: u32 = 16_384
export const INPUT: usize = 1 << 20
/** Messages are written backwards from here. */
export const END: usize = 8 << 20

export const KEY: u32 = 0
export const TEXT: u32 = 1
export const ESCAPED: u32 = 2
export const INTEGER: u32 = 3
export const DOUBLE: u32 = 4
export const TRUE: u32 = 5
export const FALSE: u32 = 6
export const NULL: u32 = 7
export const MAP: u32 = 8
export const MAP_END: u32 = 9
export const ARRAY: u32 = 10
export const ARRAY_END: u32 = 11

export namespace tokens {
  export let count: u32 = 0
}

export function tokenAt(index: u32): usize {
  return TOKENS + TOKEN_SIZE * <usize>index
}
