/** A file's contents as plain data, with the place of every key and value in it. */
export type Path = readonly (string | number)[]

/** Line and column, both from 1. */
export interface Spot {
  readonly line: number
  readonly column: number
}

/** Something that is wrong. */
export interface Finding {
  readonly path: Path
  /** `key`: it is the name that is wrong, not the value under it. */
  readonly at?: 'key'
  /** Where the path does not tell: a syntax error. */
  readonly spot?: Spot
  readonly message: string
}

export interface Tree {
  readonly value: unknown
  readonly places: Places
  readonly findings: readonly Finding[]
  /** Values that could not be found out (a variable that is missing): nothing more is to be said of them. */
  readonly unknown: Paths
}

function keyOf(path: Path): string {
  return path.join('\u0000')
}

/** A set of paths. */
export class Paths {
  readonly #keys = new Set<string>()

  add(path: Path): void {
    this.#keys.add(keyOf(path))
  }

  /** Whether it holds the path, or one above it. */
  covers(path: Path): boolean {
    return path.some((_, index) => this.#keys.has(keyOf(path.slice(0, index + 1))))
  }

  /** Whether it holds the path, or one below it. */
  touches(path: Path): boolean {
    const key = keyOf(path)
    return [...this.#keys].some(each => each === key || each.startsWith(`${key}\u0000`))
  }
}

/** Where each key and value stands; empty for a file that is a program. */
export class Places {
  readonly #spots = new Map<string, { readonly key: Spot | undefined; readonly value: Spot }>()

  set(path: Path, value: Spot, key?: Spot): void {
    this.#spots.set(keyOf(path), { key, value })
  }

  /** The place of a key or value; of what is missing, that of the nearest thing around it. */
  find(path: Path, at?: 'key'): Spot | undefined {
    const spots = this.#spots.get(keyOf(path))
    if (spots) return at === 'key' ? (spots.key ?? spots.value) : spots.value
    return path.length === 0 ? undefined : this.find(path.slice(0, -1), 'key')
  }
}
