/**
 * Memory that is used again once nobody looks at it any more. Whoever looks all the same would mostly find what was there, and sometimes another document: so
 * specs have it overwritten at once.
 */

/** What no text, hash or digest looks like. */
const spoilt = 0xa5

let spoils = false

/** For specs, in this thread from now on. */
export function spoilWhatIsFree(): void {
  spoils = true
}

/** Nobody looks at these any more. */
export function setFree(...parts: readonly (ArrayBufferView | ArrayBufferLike)[]): void {
  if (!spoils) return
  for (const part of parts) bytesOf(part).fill(spoilt)
}

function bytesOf(part: ArrayBufferView | ArrayBufferLike): Uint8Array {
  return ArrayBuffer.isView(part) ? new Uint8Array(part.buffer, part.byteOffset, part.byteLength) : new Uint8Array(part)
}
