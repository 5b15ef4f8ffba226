/** Reads what can be read only once: standard input, a named pipe. */
import type { Readable } from 'node:stream'
import { DocferryError, readInPart } from '../../errors.ts'
import { openInput } from '../../formats/open-input.ts'
import type { Head, Input, OpenInputOptions } from '../../formats/open-input.ts'
import type { OpenContext, Page, Source } from '../../types.ts'
import { readError } from './errors.ts'
import { keyOption } from './options.ts'
import type { FileOptions } from './options.ts'
import { InputNotes } from './input-notes.ts'

export interface StreamName {
  /** For people: `standard input`, or a path. */
  readonly name: string
  /** What it holds is called so where nobody says otherwise. */
  readonly stem?: string | undefined
}

export function openStreamSource(options: FileOptions, { name, stem }: StreamName, stream: Readable, { attachments }: OpenContext): Source {
  if (attachments)
    throw new DocferryError(
      'DOCFERRY_CONFIG',
      `${name} can't hold attachments: store it in a file beside them, or leave --attachments away`
    )
  const format = options.format === 'folder' ? undefined : options.format
  const own = options.collection ?? stem
  let opened: Promise<Input> | undefined
  let isRead = false
  const inputNotes = new InputNotes()
  const openOnce = (): Promise<Input> => (opened ??= openStream(stream, { name, format, key: keyOption(options) }))

  return {
    location: { provider: 'file', address: name, identity: name === 'standard input' ? 'file:stdin' : `file:${options.path}` },
    uniqueIds: false,
    async holdsSubcollections({ signal }) {
      return isOfFirestore((await guardedStream(stream, signal, name, openOnce)).head)
    },
    readsOnce: true,
    async collections({ signal }) {
      const { head } = await guardedStream(stream, signal, name, openOnce)
      if (!head.hasSections) return own === undefined ? null : [{ name: own }]
      return head.metadata?.collections?.map(each => ({ name: each })) ?? null
    },
    partitions(collections) {
      return Promise.resolve([{ id: name, collections: collections ?? [], range: { all: collections === null } }])
    },
    async *read(partition, { after, signal, pageSize }) {
      if (isRead) throw new DocferryError('DOCFERRY_READ', `${name} can be read only once: store it in a file first`)
      isRead = true
      if (after !== undefined) throw readInPart(name)
      const input = await guardedStream(stream, signal, name, openOnce)
      const all = partition.range?.all === true
      const [only, ...others] = partition.collections
      const named = own ?? (others.length === 0 ? only : undefined) ?? null
      const { hasSections } = input.head
      if (hasSections && options.collection !== undefined) inputNotes.nameUnused(options.collection, name)
      const pages = input.read({
        collection: hasSections ? null : named,
        wanted: all ? null : partition.collections,
        after,
        pageSize,
        onPassedOver: inputNotes.passedOver(named ?? name),
        onEmpty: inputNotes.empty(name),
        onUnchecked: inputNotes.onUnchecked
      })
      yield* guarded(name, signal, () => destroyedOnAbort(stream, signal, pages))
    },
    notes: () => inputNotes.notes(),
    async close() {
      if (opened || isRead || name !== 'standard input') stream.destroy()
    }
  }
}

/** Whether a file is an export of Firestore's. */
export function isOfFirestore({ metadata }: Head): boolean {
  return metadata?.provider === 'firestore'
}

async function openStream(stream: Readable, options: OpenInputOptions): Promise<Input> {
  const { name, format } = options
  let bytes = 0
  const chunks = (async function* () {
    for await (const chunk of stream as AsyncIterable<Buffer | string>) {
      const buffer = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      bytes += buffer.length
      yield buffer
    }
    // An export that failed leaves an empty pipe; that must not pass for an empty backup.
    if (bytes === 0 && format !== 'ndjson')
      throw new DocferryError('DOCFERRY_FILE_CUT', `${name} holds nothing: what should have written it failed`)
  })()
  return openInput(chunks, options)
}

async function guardedStream<T>(stream: Readable, signal: AbortSignal | undefined, name: string, work: () => Promise<T>): Promise<T> {
  signal?.throwIfAborted()
  const destroy = (): void => void stream.destroy(signal?.reason as Error)
  signal?.addEventListener('abort', destroy, { once: true })
  try {
    return await work()
  } catch (error) {
    signal?.throwIfAborted()
    throw readError(error, name)
  } finally {
    signal?.removeEventListener('abort', destroy)
  }
}

async function* destroyedOnAbort(stream: Readable, signal: AbortSignal | undefined, pages: AsyncIterable<Page>): AsyncGenerator<Page> {
  const destroy = (): void => void stream.destroy(signal?.reason as Error)
  signal?.addEventListener('abort', destroy, { once: true })
  try {
    yield* pages
  } finally {
    signal?.removeEventListener('abort', destroy)
  }
}

/** Pages, until the signal aborts; errors of the operating system as docferry's. */
export async function* guarded(name: string, signal: AbortSignal | undefined, read: () => AsyncIterable<Page>): AsyncGenerator<Page> {
  try {
    signal?.throwIfAborted()
    for await (const page of read()) {
      yield page
      signal?.throwIfAborted()
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw readError(error, name)
  }
}
