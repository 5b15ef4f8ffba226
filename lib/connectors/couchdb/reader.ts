/** Reads databases by `_all_docs`, in the order of ids. */
import { retryDelayMs, sleep, withRetry } from '../../engine/retry.ts'
import { DocferryError } from '../../errors.ts'
import type { Packed, Packing } from '../../packed.ts'
import type { CollectionInfo, Document, OpenContext, Page, Partition, ReadOptions, RejectDetails, Source } from '../../types.ts'
import { restoreNames } from '../../values/index.ts'
import type { NameRules } from '../../values/index.ts'
import { allDocsRequest, isByLine, readPieces, rowsOfLines } from './all-docs.ts'
import type { Piece, Row } from './all-docs.ts'
import { RowListing, rowsOfBlock, wholeRows } from './listed-rows.ts'
import type { RowsOfBytes } from './listed-rows.ts'
import { describeAttachments, listedBytes } from './attachments.ts'
import type { Client, DatabaseInfo } from './client.ts'
import { AnswerError, mayBeOneDocument } from './errors.ts'
import type { Asked } from './errors.ts'
import { allRows } from './lookup.ts'
import { locate } from './options.ts'
import { placeProof } from './place-proof.ts'
import { RowPacker } from './packed-rows.ts'
import type { PackedRows } from './packed-rows.ts'
import { designPartition, splitByRank, withoutDesign } from './partitions.ts'
import { readSecurity } from './security.ts'
import { nameRules } from './values.ts'
import { plural } from '../../values/format-count.ts'

/** A page ends after this many documents or bytes, whichever comes first. */
const defaultPageSize = 500
const pageBytes = 1024 * 1024
/** Or when its documents have so much attached: what is read of it is read again by a run that goes on. */
const pageAttachedBytes = 16 * 1024 * 1024

/** A request asks for no more rows than this; memory does not depend on it where the server writes line by line. */
const mostRows = 10_000
/** Where an answer is one piece it should be about this large. */
const wholeAnswerBytes = 4 * 1024 * 1024
const firstRows = 100

/** Tries without a single row in between; with the waits between them about half a minute. */
const attempts = 8

/** `_dbs_info` takes 100 names by default (`max_db_number_for_dbs_info_req`). */
const namesPerRequest = 100
const infosAtOnce = 8

/** What has been learnt of how the server answers; shared by all partitions. */
interface Pace {
  byLine: boolean
  /** Rows to ask for where an answer is one piece. */
  rows: number
  /** Sent so far. */
  requests: number
  /** Documents with open conflicts, by database. */
  readonly conflicts: Map<string, number>
}

export function createSource(client: Client, how: Pick<OpenContext, 'attachments'> = {}): Source {
  const pace: Pace = { byLine: false, rows: firstRows, requests: 0, conflicts: new Map() }
  const packers = new Map<Packing | undefined, RowPacker | undefined>()
  const packerFor = (packing: Packing | undefined): RowPacker | undefined => {
    if (!packers.has(packing)) packers.set(packing, RowPacker.for(packing))
    return packers.get(packing)
  }
  return {
    location: locate(client.settings),
    proof: placeProof(client),
    uniqueIds: true,
    mergesKinds: client.pouchdb,
    packs: !how.attachments,
    async collections({ signal }) {
      return describe(client, await databaseNames(client, signal), signal)
    },
    async partitions(collections, { wanted, designLast = false, signal }) {
      const onAnswer = (text: string): void => void (pace.byLine ||= isByLine(text))
      const names = collections ?? (await databaseNames(client, signal)).filter(name => !name.startsWith('_'))
      const partitions: Partition[] = []
      for (const name of names) partitions.push(...(await splitByRank(client, name, { wanted, onAnswer, signal })))
      return designLast ? partitions.flatMap(withoutDesign).concat(names.map(designPartition)) : partitions
    },
    read(partition, options) {
      const { packing, leaving } = options
      // What is attached is told of by the document's own fields.
      const listing = leaving && !how.attachments ? new RowListing(leaving) : wholeRows
      return readPartition(client, pace, partition, { ...options, ...how, packer: packerFor(packing), listing })
    },
    security: (database, { signal }) => readSecurity(client, database, 'DOCFERRY_READ', signal),
    usage: () => ({ requests: pace.requests }),
    notes: () => [...pace.conflicts].map(([database, count]) => conflictNote(database, count)),
    async close() {
      client.close()
    }
  }
}

function conflictNote(database: string, count: number): string {
  const have = plural(count, 'document has conflicting revisions', 'documents have conflicting revisions')
  return `${database}: ${have}: the winning one comes along (docferry replicate keeps them all)`
}

async function databaseNames(client: Client, signal?: AbortSignal): Promise<string[]> {
  try {
    return [...(client.settings.databases ?? (await client.databaseNames(signal)))].sort()
  } catch (error) {
    if (!(error instanceof AnswerError) || error.code !== 'DOCFERRY_PERMISSION') throw error
    const message = `${client.address} lets only an admin list the databases; name them in the address: couchdb://user@host?databases=a,b`
    throw new DocferryError(error.code, message, { provider: 'couchdb', cause: error })
  }
}

/** Names with estimates; a database that disappears meanwhile is left out. */
async function describe(client: Client, names: readonly string[], signal?: AbortSignal): Promise<CollectionInfo[]> {
  const infos = (await infosByGroups(client, names, signal)) ?? (await infosOneByOne(client, names, signal))
  return names.flatMap(name => {
    const info = infos.get(name)
    if (info === null) return []
    const documents = info?.doc_count
    const external = info?.sizes?.external
    return {
      name,
      ...(documents !== undefined && { documents }),
      ...(documents !== undefined && external !== undefined && { bytes: external + documents * rowOverhead }),
      ...(name.startsWith('_') && { system: true })
    }
  })
}

/** What a row of `_all_docs` has around a document's own fields: id, key, revision, twice each, with ids of 36 characters. */
const rowOverhead = 270

/** By name; null for one that is gone. */
type Infos = Map<string, DatabaseInfo | null>

/** @returns `undefined` where the server has no `_dbs_info`, or not for this user */
async function infosByGroups(client: Client, names: readonly string[], signal?: AbortSignal): Promise<Infos | undefined> {
  const asked = client.asked('looking at the databases', 'DOCFERRY_READ')
  const infos: Infos = new Map()
  for (let at = 0; at < names.length; at += namesPerRequest) {
    const keys = names.slice(at, at + namesPerRequest)
    try {
      const answer = await client.json({ method: 'POST', path: '/_dbs_info', body: JSON.stringify({ keys }), asked, signal })
      if (!Array.isArray(answer)) return undefined
      for (const { key, info } of answer as { key: string; info?: DatabaseInfo }[]) infos.set(key, info ?? null)
    } catch (error) {
      if (error instanceof AnswerError && !error.retryable) return undefined
      throw error
    }
  }
  return infos
}

async function infosOneByOne(client: Client, names: readonly string[], signal?: AbortSignal): Promise<Infos> {
  const infos: Infos = new Map()
  const waiting = [...names]
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      try {
        infos.set(name, (await client.databaseInfo(name, client.asked(`looking at ${name}`, 'DOCFERRY_READ', name), signal)) ?? null)
      } catch (error) {
        // Listed all the same: whether it may be read shows when it is asked for.
        if (!(error instanceof DocferryError) || error.code !== 'DOCFERRY_PERMISSION') throw error
      }
    }
  }
  await Promise.all(Array.from({ length: infosAtOnce }, work))
  return infos
}

interface Reading extends ReadOptions, Pick<OpenContext, 'attachments'> {
  readonly packer: RowPacker | undefined
  readonly listing: RowListing
}

async function* readPartition(
  client: Client,
  pace: Pace,
  partition: Partition,
  { after, signal, pageSize = defaultPageSize, retry, onRetry, attachments, packer, listing }: Reading
): AsyncGenerator<Page, void, undefined> {
  const database = partition.collections[0] as string
  const { start = null, end = null } = (partition.range ?? {}) as { start?: string | null; end?: string | null }
  const asked = client.asked(`reading ${database}`, 'DOCFERRY_READ', database)
  const names = nameRules(client.pouchdb)
  const openAgain: OpenAgain = ids => {
    pace.requests++
    return rowsOf(client, asked, ids, { signal, retry, onRetry })
  }
  const describe: Describe | undefined =
    attachments && (documents => describeAttachments(client, database, documents, attachments, { ...retry, signal, onRetry }))
  let cursor = after
  let failures = 0
  let page = new PageBuilder(database, asked, names, describe)
  const endPage = async function* (): AsyncGenerator<Page, void, undefined> {
    failures = 0
    const ended = page
    cursor = ended.lastKey as string
    page = new PageBuilder(database, asked, names, describe)
    yield await ended.finish(cursor, openAgain)
    signal?.throwIfAborted()
  }
  for (;;) {
    signal?.throwIfAborted()
    const limit = (pace.byLine ? mostRows : pace.rows) + (cursor === undefined ? 0 : 1)
    const from = cursor ?? start
    const request = allDocsRequest(database, {
      include_docs: true,
      conflicts: true,
      limit,
      ...(from !== null && { startkey: from }),
      ...(end !== null && { endkey: end, inclusive_end: false })
    })
    page = new PageBuilder(database, asked, names, describe)
    let seen = 0
    pace.requests++
    const startedAt = cursor
    try {
      for await (const piece of readPieces(client.lines({ ...request, asked, signal }), asked)) {
        pace.byLine = 'lines' in piece
        if ('rows' in piece && piece.rows.length > 0) pace.rows = adapt(pace.rows, piece.bytes / piece.rows.length)
        for (const entry of entriesOf(piece, asked, { packer, listing, isFirst: seen === 0 })) {
          if ('packed' in entry) {
            if (!page.takesPacked) yield* endPage()
            seen += entry.packed.count
            countConflicts(pace, database, entry.conflicts)
            page.addPacked(entry)
          } else {
            if (seen++ === 0 && entry.row.key === startedAt) continue
            page.add(withoutConflicts(entry.row, pace, database), entry.bytes)
          }
          if (page.isFull(pageSize)) yield* endPage()
        }
      }
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof DocferryError) || !error.retryable) throw error
      // A large answer may be what the connection does not survive.
      pace.rows = Math.max(1, pace.rows >> 1)
      if (page.lastKey !== undefined) failures = 0
      if (++failures >= (retry?.attempts ?? attempts)) throw error
      const delayMs = retryDelayMs(failures, { ...retry, retryAfterMs: error.retryAfterMs })
      client.logger.debug({ collection: database, delayMs }, `${error.message}; trying again`)
      onRetry?.(error, delayMs)
      await sleep(delayMs, signal)
      seen = limit
    }
    // What came is good, whether the answer was whole or not.
    if (page.lastKey !== undefined) {
      cursor = page.lastKey
      yield await page.finish(cursor, openAgain)
    }
    if (seen < limit) return
    if (cursor === startedAt && failures === 0) {
      throw new DocferryError('DOCFERRY_READ', `${asked.what} failed: ${asked.address} gives the same documents again`, {
        provider: 'couchdb',
        collection: database
      })
    }
  }
}

/** Conflicts are counted, and are no part of a document. */
function withoutConflicts(row: Row, pace: Pace, database: string): Row {
  if (row.hadConflicts) countConflicts(pace, database, 1)
  if (row.document?.['_conflicts'] === undefined) return row
  const { _conflicts, ...document } = row.document
  countConflicts(pace, database, 1)
  return { ...row, document, digests: undefined }
}

function countConflicts({ conflicts }: Pace, database: string, count: number): void {
  if (count > 0) conflicts.set(database, (conflicts.get(database) ?? 0) + count)
}

interface PlainEntry {
  readonly row: Row
  readonly bytes: number
}

/** The first row of an answer is parsed: it may be the one that was read last. */
function* entriesOf(
  piece: Piece,
  asked: Asked,
  { packer, listing, isFirst }: Pick<Reading, 'packer' | 'listing'> & { readonly isFirst: boolean }
): Generator<PackedRows | PlainEntry> {
  if ('rows' in piece) return yield* plainEntries(piece)
  const { lines } = piece
  if (!packer) {
    for (const rows of rowsOfBlock(lines, asked, listing)) yield* plainEntries(rows)
    return
  }
  const plainEnd = isFirst ? lines.indexOf(newline) + 1 : 0
  const plain = (bytes: Buffer): Iterable<PlainEntry> => plainEntries({ rows: rowsOfLines(bytes.toString(), asked), bytes: bytes.length })
  if (plainEnd > 0) yield* plain(lines.subarray(0, plainEnd))
  for (const rows of packer.pack(lines.subarray(plainEnd))) yield* 'packed' in rows ? [rows] : plain(rows.plain)
}

function* plainEntries({ rows, bytes }: RowsOfBytes): Generator<PlainEntry> {
  for (const row of rows) yield { row, bytes: bytes / rows.length }
}

const newline = 0x0a

/** The present rows of documents, by their ids; none of one that is gone. */
type OpenAgain = (ids: readonly string[]) => Promise<ReadonlyMap<string, Row>>

async function rowsOf(
  client: Client,
  asked: Asked,
  ids: readonly string[],
  { signal, retry, onRetry }: Pick<ReadOptions, 'signal' | 'retry' | 'onRetry'>
): Promise<ReadonlyMap<string, Row>> {
  const path = `/${encodeURIComponent(asked.collection as string)}/_all_docs?include_docs=true`
  const request = { method: 'POST' as const, path, body: JSON.stringify({ keys: ids }), asked, signal }
  try {
    const rows = await withRetry(() => allRows(client, request), { attempts, ...retry, signal, onRetry })
    return new Map(rows.filter(({ error, deleted }) => error !== 'not_found' && !deleted).map(row => [row.key, row]))
  } catch (error) {
    if (!(error instanceof AnswerError) || !mayBeOneDocument(error)) throw error
    if (ids.length === 1) return new Map([[ids[0]!, { key: ids[0]!, error: error.answer.error ?? String(error.answer.status) }]])
    const found = new Map<string, Row>()
    for (const id of ids) for (const [key, row] of await rowsOf(client, asked, [id], { signal, retry, onRetry })) found.set(key, row)
    return found
  }
}

type Describe = (documents: readonly Document[]) => ReturnType<typeof describeAttachments>

class PageBuilder {
  /** Of what was added last; or its row's line, where that is not known. */
  #lastKey: string | undefined
  #lastLine: Buffer | undefined
  /** Packed documents stand in front of a page's others. */
  takesPacked = true
  readonly #packed: Packed[] = []
  #packedCount = 0
  readonly #asked: Asked
  readonly #collection: string
  readonly #names: NameRules
  readonly #rows: Row[] = []
  /** Listed, with null for the document: it can't be opened, or was deleted meanwhile. */
  readonly #unopened: string[] = []
  readonly #describe: Describe | undefined
  #bytes = 0
  #attachedBytes = 0

  constructor(collection: string, asked: Asked, names: NameRules, describe?: Describe) {
    this.#collection = collection
    this.#asked = asked
    this.#names = names
    this.#describe = describe
  }

  add(row: Row, bytes: number): void {
    const { key, document, deleted, error } = row
    this.#lastKey = key
    this.#lastLine = undefined
    this.takesPacked = false
    this.#bytes += bytes
    if (deleted === true) return
    this.#rows.push(row)
    if (this.#describe && document) this.#attachedBytes += listedBytes(document)
    if (document === undefined && (error === undefined || error === 'not_found')) this.#unopened.push(key)
  }

  addPacked({ packed, lines }: PackedRows): void {
    this.#lastKey = packed.lines?.ids.at(-1)
    // The lines are used again for what follows.
    const start = lines.lastIndexOf(newline, lines.length - 2) + 1
    this.#lastLine = this.#lastKey === undefined ? Buffer.from(lines.subarray(start)) : undefined
    this.#packed.push(packed)
    this.#packedCount += packed.count
    this.#bytes += lines.length
  }

  get lastKey(): string | undefined {
    return this.#lastLine ? rowsOfLines(this.#lastLine.toString(), this.#asked)[0]!.key : this.#lastKey
  }

  isFull(pageSize: number): boolean {
    return this.#packedCount + this.#rows.length >= pageSize || this.#bytes >= pageBytes || this.#attachedBytes >= pageAttachedBytes
  }

  /** @param openAgain asked for what was listed and not given: one that is gone by now is none to complain of */
  async finish(cursor: string, openAgain: OpenAgain): Promise<Page> {
    const opened = this.#unopened.length > 0 ? await openAgain(this.#unopened) : undefined
    const unopened = new Set(this.#unopened)
    const documents: Document[] = []
    const digests: Row['digests'][] = []
    const leftOut: Row['leftOut'][] = []
    const rejects: RejectDetails[] = []
    const rows = this.#rows.flatMap(listed => (unopened.has(listed.key) ? (opened?.get(listed.key) ?? []) : listed))
    const described = await this.#describe?.(rows.flatMap(({ document }) => document ?? []))
    let at = 0
    let isKnown = false
    for (const row of rows) {
      const { key, document, hasEscapes, error = 'the database lists it, and gave nothing for it' } = row
      if (document === undefined) {
        rejects.push({ code: 'DOCFERRY_BAD_DOCUMENT', message: `cannot be read: ${error}`, where: `id ${key}`, id: key })
        continue
      }
      const { document: whole, error: unread } = described?.[at++] ?? { document }
      if (unread) rejects.push({ code: unread.code, message: unread.message, where: `id ${key}`, id: key })
      else {
        documents.push(hasEscapes ? restoreOwn(whole, this.#names) : whole)
        digests.push(row.digests)
        leftOut.push(row.leftOut)
        isKnown ||= row.digests !== undefined || row.leftOut !== undefined
      }
    }
    const bytes = Math.round(this.#bytes)
    const packed = this.#packed.length > 0 && { packed: this.#packed }
    const known = isKnown && { digests, leftOut }
    return { collection: this.#collection, ...packed, documents, ...known, ...(rejects.length > 0 && { rejects }), cursor, bytes }
  }
}

/** Names of attachments are not a document's. */
function restoreOwn(document: Document, names: NameRules): Document {
  const { _attachments, ...rest } = document
  const restored = restoreNames(rest, names)
  return _attachments === undefined ? restored : { ...restored, _attachments }
}

/** Rows for the next answer, by the mean size of those of the last; grows at most fourfold, as what follows may be larger. */
function adapt(rows: number, meanBytes: number): number {
  return Math.max(1, Math.min(rows * 4, 2_000, Math.round(wholeAnswerBytes / meanBytes)))
}
