/** Collects what is wrong with a file, and says it with its place. */
import { DocferryError, describeError } from '../errors.ts'
import { formatPath } from '../stages/field-path.ts'
import { checkAgainstSchema } from '../stages/check-schema.ts'
import type { JsonSchema } from '../stages/stage-spec.ts'
import type { Finding, Path, Tree } from './tree.ts'

/** Something that is wrong in a pipeline file. */
export interface Issue {
  /** As it was named. */
  readonly file: string
  /** From 1. Missing where the file is a program, or can't be read. */
  readonly line?: number
  /** From 1. */
  readonly column?: number
  /** Where in the file: `stages[2].strip[0]`; empty: the whole. */
  readonly path: string
  /** Holds no secret. */
  readonly message: string
}

/** `pipelines/x.yaml:4:5: stages[0].strp: there is no stage strp (did you mean strip?)` */
export function issueLine({ file, line, column, path, message }: Issue): string {
  const place = line === undefined ? file : `${file}:${line}:${column}`
  return `${place}: ${path === '' ? '' : `${path}: `}${message}`
}

/** What an error says; the code of one of docferry's own adds nothing for who wrote a file. */
export function messageOf(error: unknown): string {
  return error instanceof DocferryError ? error.message : describeError(error)
}

/** State with a lifetime: that of one look at one file. */
export class Findings {
  readonly #tree: Tree
  readonly #findings: Finding[]

  constructor(tree: Tree) {
    this.#tree = tree
    this.#findings = [...tree.findings]
  }

  /** Of a value that could not be found out nothing more is said. */
  add(path: Path, message: string, at?: 'key'): void {
    if (!this.isUnknown(path)) this.#findings.push({ path, message, ...(at && { at }) })
  }

  isUnknown(path: Path): boolean {
    return this.#tree.unknown.covers(path)
  }

  /** Whether something in it could not be found out. */
  holdsUnknown(path: Path): boolean {
    return this.#tree.unknown.touches(path)
  }

  /** @returns whether the value fits */
  check(schema: JsonSchema, value: unknown, path: Path): boolean {
    return this.wrongKeys(schema, value, path).size === 0
  }

  /** @returns the keys that have issues, on them or below; undefined among them: the value as a whole */
  wrongKeys(schema: JsonSchema, value: unknown, path: Path): ReadonlySet<string | number | undefined> {
    const issues = checkAgainstSchema(schema, value)
    for (const issue of issues) this.add([...path, ...issue.path], issue.message, issue.at)
    return new Set(issues.map(issue => issue.path[0]))
  }

  /** `pipelines/x.yaml:12:5`, or `pipelines/x.ts: stages[2]` */
  place(file: string, path: Path, at?: 'key'): string {
    const spot = this.#tree.places.find(path, at)
    return spot ? `${file}:${spot.line}:${spot.column}` : `${file}: ${formatPath(path)}`
  }

  /** Each once, in the order of the file. @param except paths of which nothing is wanted */
  list(file: string, mask: (text: string) => string, except: readonly Path[] = []): readonly Issue[] {
    const excepted = new Set(except.map(formatPath))
    const wanted = this.#findings.filter(({ path }) => !excepted.has(formatPath(path)))
    const issues = wanted.map(({ path, at, spot, message }): Issue => {
      const found = spot ?? this.#tree.places.find(path, at)
      return { file, ...(found && { line: found.line, column: found.column }), path: mask(formatPath(path)), message: mask(message) }
    })
    const seen = new Set<string>()
    const isNew = ({ line, column, path, message }: Issue): boolean => {
      // Through an alias the same mistake has several paths.
      const key = JSON.stringify([line, column, line === undefined ? path : '', message])
      return !seen.has(key) && Boolean(seen.add(key))
    }
    return issues.filter(isNew).sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
  }
}
