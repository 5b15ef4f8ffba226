/** YAML and JSON text to plain data, every value with its place. Anchors, aliases and merge keys are resolved here. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import type { Alias, Document, Node, Pair, Scalar, YAMLError, YAMLMap } from 'yaml'
import { inexactNumber } from '../stages/inexact-number.ts'
import { isNumberText, numberFromText, setField } from '../values/index.ts'
import type { ValueMap } from '../values/index.ts'
import { interpolate } from './interpolate.ts'
import type { Surroundings } from './interpolate.ts'
import { jsonTrouble } from './json-trouble.ts'
import { Paths, Places } from './tree.ts'
import type { Finding, Path, Spot, Tree } from './tree.ts'

export interface ReadYamlOptions extends Surroundings {
  /** Whether it must be JSON. */
  readonly json: boolean
  /** Whether what stands there is the value of a document, whose numbers keep their kinds (1.0, integers past 2^53). */
  readonly isDocumentValue: (path: Path) => boolean
}

/** Aliases of aliases can stand for more than any machine holds. */
const mostNodes = 200_000

/** @returns of text that is no YAML, only the findings */
export function readYaml(text: string, options: ReadYamlOptions): Tree {
  const lines = new LineCounter()
  const document = parseDocument(text.replace(/^\uFEFF/, ''), {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    merge: true,
    resolveKnownTags: false
  })
  return new YamlReader(document, text, lines, options).read()
}

class YamlReader {
  readonly #document: Document.Parsed
  readonly #text: string
  readonly #lines: LineCounter
  readonly #options: ReadYamlOptions
  readonly #places = new Places()
  readonly #unknown = new Paths()
  readonly #findings: Finding[] = []
  readonly #active = new Set<Node>()
  readonly #anchored = new Map<Alias, Node | undefined>()
  #nodes = 0

  constructor(document: Document.Parsed, text: string, lines: LineCounter, options: ReadYamlOptions) {
    this.#document = document
    this.#text = text
    this.#lines = lines
    this.#options = options
  }

  read(): Tree {
    const { errors, warnings } = this.#document
    const trouble = this.#options.json ? jsonTrouble(this.#text, this.#document) : undefined
    const isLost = trouble?.isYaml === false
    // What is behind a syntax error may be taken for something that nobody wrote.
    const isReadable = errors.every(({ code }) => code === 'DUPLICATE_KEY') && !isLost
    const derails = errors.findIndex(({ message }) => /token in YAML stream|at node end/.test(message))
    // Behind where the parser lost its way, it takes everything for a mistake.
    const told = derails < 0 ? errors : errors.slice(0, derails + 1)
    for (const error of [...(isLost ? [] : told), ...warnings]) {
      this.#findings.push({ path: [], spot: this.#spot(error.pos[0]), message: this.#wordsFor(error) })
    }
    if (trouble) this.#findings.push({ path: [], spot: this.#spot(trouble.offset), message: trouble.message })
    const value = isReadable ? this.#convert(this.#document.contents, []) : undefined
    return { value, places: this.#places, findings: this.#findings, unknown: this.#unknown }
  }

  #spot(offset: number): Spot {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }

  #wordsFor({ code, message, pos }: YAMLError): string {
    if (code === 'DUPLICATE_KEY') return 'this key is there already, in the same map'
    if (code === 'RESOURCE_EXHAUSTION' || /call stack/.test(message)) return 'lists and maps are nested too deep'
    if (code === 'MULTIPLE_DOCS') return 'a second document begins here: a file holds one pipeline'
    if (code === 'TAG_RESOLVE_FAILED') return `${message}: a pipeline has no use for tags`
    // Braces without quotes begin a map, which is then the key of another.
    if (code === 'NON_STRING_KEY' && this.#text.slice(pos[0] - 1, pos[0] + 1) === '{{')
      return 'text with {{ ... }} in it has to stand in quotes'
    if (message.startsWith('Nested mappings are not allowed')) return `${message}; text with a colon in it has to stand in quotes`
    if (message.startsWith('Unexpected scalar at node end'))
      return `${message}: text goes on behind a closing quote, bracket or brace; put all of it in quotes, and write a quote inside of '...' twice`
    const isVariable = this.#text[pos[0] - 1] === '$' || this.#text.startsWith('${', pos[0])
    return isVariable ? `${message}; inside [ ] and { } put text with \${...} in quotes` : message
  }

  #convert(node: Node | null, path: Path, key?: Spot): unknown {
    if (++this.#nodes > mostNodes) return this.#nodes === mostNodes + 1 ? this.#fail(path, 'the aliases stand for too much') : null
    const [start, end] = node?.range ?? [0, 0]
    const isEmpty = start === end && isScalar(node)
    this.#places.set(path, isEmpty && key ? key : this.#spot(start), key)
    const target = isAlias(node) ? this.#resolve(node) : node
    if (!target) return isAlias(node) ? this.#fail(path, `there is no anchor &${node.source} before it`) : null
    if (isScalar(target)) return this.#scalar(target, path)
    if (this.#active.has(target)) return this.#fail(path, 'the anchor holds itself')
    this.#active.add(target)
    try {
      if (isMap(target)) return this.#map(target, path)
      return isSeq(target) ? target.items.map((item, index) => this.#convert(item as Node | null, [...path, index])) : null
    } finally {
      this.#active.delete(target)
    }
  }

  /** Finding an anchor takes a look through the whole document. */
  #resolve(alias: Alias): Node | undefined {
    if (!this.#anchored.has(alias)) this.#anchored.set(alias, alias.resolve(this.#document))
    return this.#anchored.get(alias)
  }

  #map(map: YAMLMap, path: Path): ValueMap {
    const result: ValueMap = {}
    const pairs = map.items as Pair<Node, Node | null>[]
    for (const { key, value } of pairs) if (!isMergeKey(key)) this.#field(result, key, value, path)
    for (const { key, value } of pairs) if (isMergeKey(key)) this.#merge(result, value, path)
    return result
  }

  #field(result: ValueMap, key: Node, value: Node | null, path: Path): void {
    const name = isScalar(key) ? String(key.value) : ''
    setField(result, name, this.#convert(value, [...path, name], this.#spot(key.range?.[0] ?? 0)) as never)
  }

  /** What is written in the map itself wins, and of several sources the first. */
  #merge(result: ValueMap, value: Node | null, path: Path): void {
    const source = isAlias(value) ? this.#resolve(value) : value
    const maps = isSeq(source) ? source.items.map(item => (isAlias(item) ? this.#resolve(item) : item)) : [source]
    for (const map of maps) {
      if (!isMap(map) || this.#active.has(map)) {
        this.#findings.push({
          path,
          spot: this.#spot(value?.range?.[0] ?? 0),
          message: '<<: a map, or a list of maps, is wanted: the alias of one'
        })
        continue
      }
      this.#active.add(map)
      for (const { key, value: inner } of map.items as Pair<Node, Node | null>[]) {
        if (isMergeKey(key)) this.#merge(result, inner, path)
        else if (!Object.hasOwn(result, String((key as Scalar).value))) this.#field(result, key, inner, path)
      }
      this.#active.delete(map)
    }
  }

  #scalar(scalar: Scalar, path: Path): unknown {
    const { value, source } = scalar
    if (typeof value === 'number') return this.#number(value, source, path)
    if (typeof value !== 'string') return value
    const { text, changed, troubles } = interpolate(value, this.#options)
    if (troubles.length > 0) {
      this.#unknown.add(path)
      for (const message of troubles) this.#findings.push({ path, message })
      return value
    }
    return changed && scalar.type === 'PLAIN' ? this.#typed(text, path) : text
  }

  /** What the text would be if it stood there without quotes. */
  #typed(text: string, path: Path): unknown {
    for (const tag of this.#document.schema.tags) {
      if (tag.collection !== undefined || tag.default !== true || !tag.test?.test(text)) continue
      const found: unknown = tag.resolve(text, () => undefined, this.#document.options)
      const plain = isScalar(found) ? found.value : found
      return typeof plain === 'number' ? this.#number(plain, text, path) : plain
    }
    return text
  }

  #number(value: number, source: string | undefined, path: Path): unknown {
    const isExact = source === undefined || !isNumberText(source)
    if (isExact && !Number.isFinite(value) && /\d/.test(source ?? ''))
      return this.#fail(path, 'a number that has more than 10,000 digits, or an exponent of more than 15')
    if (this.#options.isDocumentValue(path)) return isExact ? value : numberFromText(source)
    const trouble = isExact || !Number.isInteger(value) || !/^-?\d+$/.test(source) ? undefined : inexactNumber(source)
    if (trouble !== undefined) {
      this.#findings.push({ path, message: trouble })
      this.#unknown.add(path)
    }
    return value
  }

  #fail(path: Path, message: string): null {
    this.#findings.push({ path, message })
    this.#unknown.add(path)
    return null
  }
}

function isMergeKey(key: Node): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN'
}
