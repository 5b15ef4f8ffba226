/** The ends of a verification: opened when they are needed, closed together. Nothing is ever written to them. */
import { closeEnd } from '../engine/close-end.ts'
import { withRetry } from '../engine/retry.ts'
import type { RetryOptions } from '../engine/retry.ts'
import { DocferryError } from '../errors.ts'
import { openSource, openTarget, silentLogger } from '../open.ts'
import type { Endpoint, OpenOptions } from '../open.ts'
import type { EncodeRules, Logger, Source, Target } from '../types.ts'
import type { Side } from './report.ts'

export type EndOptions = Pick<OpenOptions, 'environment' | 'logger' | 'retry'> & {
  readonly signal: AbortSignal
  readonly attachments?: boolean | undefined
}

export class Ends {
  readonly #options: OpenOptions & { readonly signal: AbortSignal }
  readonly #logger: Logger
  readonly #open: (Source | Target)[] = []

  constructor({ attachments, ...options }: EndOptions) {
    this.#options = { ...options, ...(attachments && { attachments: 'checked' }) }
    this.#logger = options.logger ?? silentLogger
  }

  /** To read it, as often as needed. @throws {DocferryError} DOCFERRY_USAGE for what can be read only once */
  async read(endpoint: Endpoint, side: Side, { subcollections }: Pick<EncodeRules, 'subcollections'>): Promise<Source> {
    if (isStandardStream(endpoint)) throw readOnce(side, 'standard input or output')
    return this.#keep(await openSource(endpoint, { ...this.#options, subcollections }))
  }

  /** What it holds. @throws {DocferryError} DOCFERRY_USAGE for what can be read only once */
  async collectionsOf(source: Source, side: Side) {
    const held = await source.collections({ signal: this.#options.signal })
    if (held === null) throw readOnce(side, source.location.address)
    return held
  }

  /** To ask it what it would hold, and for documents by their ids. */
  async ask(endpoint: Endpoint, rules: EncodeRules): Promise<Target> {
    return this.#keep(await openTarget(endpoint, { ...this.#options, rules, readOnly: true }))
  }

  async close(): Promise<void> {
    for (const end of this.#open.splice(0).reverse()) await closeEnd(end, this.#logger)
  }

  #keep<End extends Source | Target>(end: End): End {
    this.#open.push(end)
    return end
  }
}

/** Whether ids that are paths mean documents in subcollections, where the documents come from this source. */
export async function holdsSubcollections(
  endpoint: Endpoint,
  { environment, signal, logger }: Pick<OpenOptions, 'environment' | 'signal' | 'logger'> = {}
): Promise<boolean> {
  const source = await openSource(endpoint, { environment, signal, logger })
  try {
    return (await source.holdsSubcollections?.({ signal })) ?? false
  } finally {
    await closeEnd(source, logger ?? silentLogger)
  }
}

/** Make the end know what it has to know of a collection before its documents can be named. @returns whether the collection is there */
export async function look(end: Target, collection: string, retry: RetryOptions): Promise<boolean> {
  const { created } = await withRetry(() => end.prepare(collection, { create: false, signal: retry.signal }), retry)
  return !created
}

/** A file of documents only, or of items, does not name its collection: it is called as what was written to it. */
export function namedEndpoint(endpoint: Endpoint, collections: readonly string[] | undefined): Endpoint {
  const [name] = collections ?? []
  if (name === undefined || collections!.length > 1) return endpoint
  if (typeof endpoint !== 'string') {
    const { connector, options } = endpoint
    const {
      documentsOnly = false,
      format,
      collection = name
    } = options as {
      readonly documentsOnly?: boolean
      readonly format?: string
      readonly collection?: string
    }
    return connector === 'file' && (documentsOnly || format === 'dynamodb-json')
      ? { connector, options: { ...options, collection } }
      : endpoint
  }
  const [place = '', query = ''] = endpoint.split('?', 2)
  const parameters = new URLSearchParams(query)
  const isPlain = parameters.has('documentsOnly') && parameters.get('documentsOnly') !== 'false'
  const isItems = parameters.get('format') === 'dynamodb-json'
  if (!(isPlain || isItems) || parameters.has('collection')) return endpoint
  parameters.set('collection', name)
  return `${place}?${parameters.toString()}`
}

function isStandardStream(endpoint: Endpoint): boolean {
  if (typeof endpoint === 'string') return /^(?:file:)?-(?:\?|$)/.test(endpoint)
  return endpoint.connector === 'file' && (endpoint.options as { readonly path?: unknown }).path === '-'
}

function readOnce(side: Side, what: string): DocferryError {
  return new DocferryError(
    'DOCFERRY_USAGE',
    `the ${side} (${what}) can be read only once, and verifying may have to read it again: save it to a file, and name that`
  )
}
