/**
 * Where things are in the memory; `lib/kernel/instance.ts` states the same places. Bytes. Each instance has a part of its own, since those of
 * several threads share one memory; lines may lie outside of it, and the text too.
 */

/** Where the part begins. */
declare const base: usize

/**
 * Names of fields to drop: count (u32), index of the one whose members are counted (i32, -1: none), whether no other may begin with an underscore (u32),
 * whether special values are read (u32), then for each its length (u32, big-endian) and its UTF-8.
 */
export const DROPPED: usize = base + 4096
/** Numbers that the host has to read: place in the canonical bytes, in the text, length in the text (u32 each). */
export const NUMBERS: usize = base + (32 << 10)
export const MOST_NUMBERS: i32 = 2048
/** A number's text for which there may be no room. */
export const SPARE: usize = base + (60 << 10)
/** How many envelopes there are in a document, by what they hold (u32 each): timestamps, bytes, points, references, vectors, numbers without digits. */
export const ENVELOPED: usize = base + (61 << 10)
/** A record for each line. */
export const LINES: usize = base + (64 << 10)
export const LINE_SIZE: usize = 80
/** Keys that were read before: 2048 of 128 bytes; and what they are expected behind first. */
export const KEYS: usize = base + (192 << 10)
export const ROOT_KEY: usize = base + (448 << 10)
/** Orders of maps' members that were found before, 64 of 256 bytes; and members put in one of them. */
export const ORDERS: usize = base + (452 << 10)
export const ORDERED: usize = base + (472 << 10)
/** Members of the maps that are open, and where they are put in order. */
export const MEMBERS: usize = base + (512 << 10)
export const MEMBERS_END: usize = base + (1024 << 10)
export const CANONICAL: usize = base + (3 << 20)
export const CANONICAL_END: usize = base + (7 << 20)
/** What is being put in order, or freed of kinds. */
export const SCRATCH: usize = base + (7 << 20)
/** Ids, one after the other. */
export const IDS: usize = base + (11 << 20)
/** Names of the fields that are looked into: count (u32), then for each its length (u32, big-endian) and its UTF-8. */
export const LOOKED: usize = base + (12 << 20)
/** Where the numbers are that the host has to read, before the document's members were put in order (u32 each). */
export const UNSORTED: usize = base + (12 << 20) + (64 << 10)
/** Of outlines: parts of the document, gaps, members of these, and what it comes to. */
export const SEGMENTS: usize = base + (12 << 20) + (128 << 10)
export const SEGMENTS_END: usize = SEGMENTS + 12 * 4096
export const GAPS: usize = base + (13 << 20)
export const GAPS_END: usize = base + (14 << 20)
export const GAP_MEMBERS: usize = base + (14 << 20)
export const GAP_MEMBERS_END: usize = base + (15 << 20)
export const OUTLINE: usize = base + (15 << 20)
export const OUTLINE_END: usize = base + (19 << 20)
/** What filled outlines come to. */
export const FILL_TEXT_END: usize = base + (31 << 20)
export const FILL_CANONICAL: usize = base + (31 << 20)
export const FILL_CANONICAL_END: usize = base + (43 << 20)
