/** Where things are in the module's memory; `lib/kernel/kernel.ts` states the same places. Bytes. */

/** Names of fields to drop: count (u32), index of the one whose members are counted (i32, -1: none), whether no other may begin with an underscore (u32), then for each its length (u32, big-endian) and its UTF-8. */
export const DROPPED: usize = 4096
/** Numbers that the host has to read: place in the canonical bytes, in the text, length in the text (u32 each). */
export const NUMBERS: usize = 32 << 10
export const MOST_NUMBERS: i32 = 2048
/** A record for each line. */
export const LINES: usize = 64 << 10
export const LINE_SIZE: usize = 60
/** Members of the maps that are open, and where they are put in order. */
export const MEMBERS: usize = 512 << 10
export const MEMBERS_END: usize = 1024 << 10
export const INPUT: usize = 1 << 20
export const TEXT: usize = 2 << 20
export const CANONICAL: usize = 3 << 20
export const CANONICAL_END: usize = 7 << 20
export const SCRATCH: usize = 7 << 20
/** Ids, one after the other. */
export const IDS: usize = 11 << 20
/** End of all of it. */
export const SIZE: usize = 12 << 20
