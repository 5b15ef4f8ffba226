/** Where UTF-8 ends, and where it stops being it. */
import { isUtf8 } from 'node:buffer'

/** Bytes at the end that begin a character whose rest is missing: 0 to 3. */
export function openCharacterBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number
    if (byte < 0x80 || byte > 0xf4) return 0
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return length > back ? back : 0
    }
  }
  return 0
}

/** How many bytes from the start are valid UTF-8, up to the first that is not. */
export function validLength(bytes: Buffer): number {
  let valid = 0
  let step = bytes.length
  while (step > 0) {
    const end = Math.min(valid + step, bytes.length)
    if (end > valid && isUtf8(bytes.subarray(valid, end))) valid = end
    else step = Math.floor(step / 2)
  }
  for (let size = 1; size <= 4 && valid + size <= bytes.length; size++) {
    if (!isUtf8(bytes.subarray(valid, valid + size))) continue
    valid += size
    size = 0
  }
  return valid
}
