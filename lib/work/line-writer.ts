/** Lines that come out of stages, packed again. */
import { allOfIt, maxBlockBytes, packLines } from '../kernel/kernel.ts'
import { envelopedKinds } from '../packed.ts'
import type { Packed } from '../packed.ts'
import { joinKinds, stringifySpecial } from '../values/index.ts'
import type { Document } from '../values/index.ts'

export type Written = Pick<Packed, 'text' | 'count' | 'digests' | 'kinds' | 'idHashes' | 'enveloped'>

const newline = 0x0a
/** Not in use: they are large, and needed again for the next block. */
const buffers: Buffer[] = []

/** The line of a document of which JSON.stringify does not know all. */
export function specialLine(document: Document): string {
  return stringifySpecial(document, {})
}

export class LineWriter {
  readonly #left: Set<number>
  readonly #buffer = buffers.pop() ?? Buffer.allocUnsafeSlow(maxBlockBytes)
  #used = 0
  /** What each line in the buffer was made of. */
  #origins: number[] = []
  readonly #parts: Packed[] = []

  /** @param left is told of each line's origin that the kernel does not know */
  constructor(left: Set<number>) {
    this.#left = left
  }

  /** @param of the line that it was made of */
  write(line: string, of: number): void {
    // A UTF-16 unit is three bytes at most.
    const most = 3 * line.length + 1
    if (this.#used + most > maxBlockBytes) this.#pack()
    if (most > maxBlockBytes) return void this.#left.add(of)
    this.#used += this.#buffer.write(line, this.#used)
    this.#buffer[this.#used++] = newline
    this.#origins.push(of)
  }

  /** All of them, but for those that are left. Once. */
  end(): Written {
    this.#pack()
    buffers.push(this.#buffer)
    const parts = this.#parts
    if (parts.length === 1) return parts[0]!
    return {
      text: Buffer.concat(parts.map(part => part.text)),
      count: parts.reduce((sum, part) => sum + part.count, 0),
      digests: Uint32Array.from(parts.flatMap(part => [...part.digests])),
      kinds: joinKinds(parts),
      idHashes: Int32Array.from(parts.flatMap(part => [...part.idHashes])),
      enveloped: joinEnveloped(parts)
    }
  }

  #pack(): void {
    if (this.#used === 0) return
    let at = 0
    for (const stretch of packLines([this.#buffer.subarray(0, this.#used)], allOfIt)) {
      if ('packed' in stretch) {
        this.#parts.push(stretch.packed)
        at += stretch.packed.count
      } else this.#left.add(this.#origins[at++]!)
    }
    this.#used = 0
    this.#origins = []
  }
}

function joinEnveloped(parts: readonly Packed[]): readonly number[] | undefined {
  const found = parts.flatMap(({ enveloped }) => (enveloped ? [enveloped] : []))
  return found.length === 0 ? undefined : envelopedKinds.map((_, kind) => found.reduce((sum, counts) => sum + counts[kind]!, 0))
}
