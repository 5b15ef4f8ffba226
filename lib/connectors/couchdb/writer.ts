/** The writing end: databases made ready, documents written by the rule for conflicts. `bulk.ts` sends, `lookup.ts` finds, `changes.ts` undoes. */
import { withRetry } from '../../engine/retry.ts'
import { DocferryError } from '../../errors.ts'
import { defaultRules } from '../../types.ts'
import type { EncodeRules, OpenContext, Prepared, Target, WriteFailure, WriteOptions, WriteOutcome } from '../../types.ts'
import { allDocsRequest } from './all-docs.ts'
import { createBulk, gatewayJudge, isConflict } from './bulk.ts'
import type { BulkOutcome } from './bulk.ts'
import { changeDocuments, dropDatabase } from './changes.ts'
import type { Client, DatabaseInfo } from './client.ts'
import { AnswerError, brokenAnswer, gatewayFailure, writeFailure } from './errors.ts'
import { checkDatabaseName, targetLimits } from './limits.ts'
import { allRows, decodeText, get, look, revisions, standing } from './lookup.ts'
import type { Standing } from './lookup.ts'
import { putWhole } from './multipart.ts'
import type { SendingWhole } from './multipart.ts'
import { locate } from './options.ts'
import { placeProof } from './place-proof.ts'
import { targetSecurity } from './security.ts'
import { SkippedApart } from './skipped-apart.ts'
import { WriteProbe } from './takes-writes.ts'
import { encodeDocument, encodeLine, encodeWhole, storedId, withRevision } from './values.ts'
import type { DatabaseRules, EncodedWhole, Text } from './values.ts'

/** How often an overwrite looks for the present revision, when others change the document at the same time. */
const overwriteTries = 5
const none: EncodedWhole['attachments'] & object = []
/** A database with no more documents is looked through for one that is no design document. */
const fewDocuments = 100

export function createTarget(
  client: Client,
  rules: EncodeRules = defaultRules,
  { attachments }: Pick<OpenContext, 'attachments'> = {}
): Target<Text> {
  const { maxDocumentBytes } = client.settings
  /** Of databases that are not as most are. */
  const known = new Map<string, DatabaseRules>()
  const skippedApart = new SkippedApart(client)
  const probe = new WriteProbe(client)
  const whole: DatabaseRules = { maxDocumentBytes, partitioned: false, pouchdb: client.pouchdb }
  const databaseRules = (collection: string): DatabaseRules => known.get(collection) ?? whole
  /** What CouchDB calls a document; undefined for an id that it refuses, and can't be asked for. */
  const nameOf = (collection: string) => (id: string) => {
    const stored = storedId(id, databaseRules(collection), rules)
    return typeof stored === 'string' ? stored : undefined
  }
  return {
    location: locate(client.settings),
    proof: placeProof(client),
    limits: targetLimits,
    checkCollection: name => checkDatabaseName(name, client.pouchdb),
    async prepare(collection, options) {
      const { prepared, info } = await prepare(client, collection, options)
      if (info?.props?.partitioned) known.set(collection, { ...whole, partitioned: true })
      return prepared
    },
    encode: (collection, document, onConversion) =>
      (attachments ? encodeWhole : encodeDocument)(document, databaseRules(collection), rules, onConversion),
    lines: {
      noUnderscores: true,
      wantsObjects: () => true,
      encode: (collection, id, line) => encodeLine(id, line, databaseRules(collection))
    },
    holdsAttachments: attachments !== undefined,
    security: targetSecurity(client),
    write(collection, documents, options) {
      const name = nameOf(collection)
      const sendings = documents.map(({ id, payload, attachments = none }: EncodedWhole, index) => {
        return { index, id: name(id) ?? id, text: payload, attachments }
      })
      return write(client, collection, sendings, options, {
        skippedApart,
        keepsAttachments: attachments === undefined,
        takesWrites: () => probe.ask(collection, options)
      })
    },
    takesWrites: (collection, given) => probe.ask(collection, given),
    get: (collection, ids, options) => get(client, collection, ids, { ...options, nameOf: nameOf(collection), attachments }),
    readBack(collection, document, { kinds = false } = {}) {
      if (rules.types !== 'plain' && !kinds) return document
      const encoded = (attachments ? encodeWhole : encodeDocument)(document, databaseRules(collection), rules)
      if ('code' in encoded) return document
      const { _id, _attachments } = document
      return {
        ...decodeText(encoded.payload.toString(), client.pouchdb),
        _id,
        ...(attachments && _attachments !== undefined && { _attachments })
      }
    },
    keepsKinds: rules.types === 'exact',
    look: (collection, ids, { signal }) => look(client, collection, ids, { nameOf: nameOf(collection), attachments, signal }),
    change: (collection, changes, { signal }) => changeDocuments(client, collection, changes, signal),
    dropCollection: (collection, { signal }) => dropDatabase(client, collection, signal),
    /** A bulk write, and a look for the revisions first where documents may be replaced. */
    usage: (documents, { onConflict, fresh }) => ({ requests: documents.length === 0 ? 0 : onConflict === 'overwrite' && !fresh ? 2 : 1 }),
    notes: () => skippedApart.notes(),
    // Every answered write is on disk.
    async commit() {},
    async close() {
      await probe.close()
      client.close()
    }
  }
}

async function prepare(
  client: Client,
  collection: string,
  { create, signal }: Parameters<Target['prepare']>[1]
): Promise<{ prepared: Prepared; info?: DatabaseInfo }> {
  const refusal = checkDatabaseName(collection, client.pouchdb)
  if (refusal) throw new DocferryError(refusal.code, refusal.message, { provider: 'couchdb', collection })
  const looking = client.asked(`looking at ${collection}`, 'DOCFERRY_TARGET', collection)
  let info = await client.databaseInfo(collection, looking, signal)
  if (!info) {
    const created =
      !create || (await client.createDatabase(collection, client.asked(`creating ${collection}`, 'DOCFERRY_TARGET', collection), signal))
    if (created) return { prepared: { created: true, empty: true } }
    info = await client.databaseInfo(collection, looking, signal)
    if (!info) throw brokenAnswer(looking, 'says that the database exists, and that it does not')
  }
  return { prepared: { created: false, empty: await isEmpty(client, collection, info, signal), documents: info.doc_count }, info }
}

/** Design documents are no data: they leave a database empty. */
async function isEmpty(client: Client, collection: string, info: DatabaseInfo, signal?: AbortSignal): Promise<boolean> {
  if (info.doc_count > fewDocuments) return false
  const asked = client.asked(`looking at ${collection}`, 'DOCFERRY_TARGET', collection)
  const request = { ...allDocsRequest(collection, { limit: fewDocuments + 1 }), asked, signal }
  const rows = await withRetry(() => allRows(client, request), { signal, attempts: 5 })
  return rows.length <= fewDocuments && rows.every(({ key }) => key.startsWith('_design/'))
}

interface Writing {
  readonly skippedApart: SkippedApart
  /** Whether what a document of the database has attached stays when another is put in its place. */
  readonly keepsAttachments: boolean
  /** See `BulkOptions`. */
  readonly takesWrites: () => Promise<void>
}

async function write(
  client: Client,
  collection: string,
  given: readonly SendingWhole[],
  options: WriteOptions,
  { skippedApart, keepsAttachments, takesWrites }: Writing
): Promise<readonly WriteOutcome[]> {
  const { onConflict, fresh, signal } = options
  const outcomes = new Array<BulkOutcome>(given.length)
  const wholes = given.filter(({ attachments }) => attachments.length > 0)
  await writeWholes(client, collection, wholes, outcomes, { ...options, takesWrites })
  if (onConflict === 'skip')
    await skippedApart.look(
      collection,
      wholes.filter(({ index }) => isConflict(outcomes[index])),
      signal
    )
  const all = wholes.length === 0 ? given : given.filter(({ attachments }) => attachments.length === 0)
  const bulk = createBulk(client, collection, outcomes, { signal, takesWrites })
  if (onConflict !== 'overwrite') {
    await bulk(all)
    if (onConflict === 'fail') return outcomes
    return outcomes.map(outcome => (isConflict(outcome) && !(outcome as WriteFailure).mayBeApplied ? 'skipped' : outcome))
  }
  let waiting = all
  for (let attempt = 1; waiting.length > 0 && attempt <= overwriteTries; attempt++) {
    const looks = !fresh || attempt > 1
    const ids = waiting.map(({ id }) => id)
    const known = looks ? await standing(client, collection, ids, { wholes: keepsAttachments, signal }) : new Map<string, Standing>()
    const unread = waiting.filter(({ id }) => known.get(id)?.isUnread)
    for (const { index } of unread) outcomes[index] = unreadable
    const sent = waiting.filter(one => !unread.includes(one))
    await bulk(sent.map(one => ({ ...one, text: withRevision(one.text, known.get(one.id)?.revision, known.get(one.id)?.attachments) })))
    waiting = sent.filter(({ index }) => isConflict(outcomes[index]))
  }
  for (const { index } of waiting) {
    outcomes[index] = keepsChanging
  }
  return outcomes
}

const unreadable: WriteFailure = {
  code: 'DOCFERRY_REFUSED',
  message: 'the document that stands there can not be read, so that its attachments could not be kept; it was left as it is',
  retryable: false
}

const keepsChanging: WriteFailure = { code: 'DOCFERRY_CONFLICT', message: 'others keep changing this document', retryable: true }

/** One after another, and only where it is of use: nothing is uploaded for a document that will be skipped. */
async function writeWholes(
  client: Client,
  collection: string,
  wholes: readonly SendingWhole[],
  outcomes: BulkOutcome[],
  { onConflict, fresh, signal, takesWrites }: WriteOptions & Pick<Writing, 'takesWrites'>
): Promise<void> {
  if (wholes.length === 0) return
  const isOfGateway = gatewayJudge(takesWrites)
  const put = async (whole: SendingWhole, revision: string | undefined): Promise<BulkOutcome> => {
    try {
      return await putWhole(client, collection, whole, revision, signal)
    } catch (error) {
      if (!(error instanceof AnswerError) || !(await isOfGateway(error))) throw error
      return gatewayFailure(error.answer)
    }
  }
  const ids = wholes.map(({ id }) => id)
  const known = fresh ? new Map<string, string>() : await revisions(client, collection, ids, signal)
  for (const whole of wholes) {
    let revision = known.get(whole.id)
    let outcome: BulkOutcome = writeFailure('conflict', undefined)
    if (onConflict !== 'overwrite') outcome = revision === undefined ? await put(whole, undefined) : outcome
    else {
      for (let attempt = 1; attempt <= overwriteTries && isConflict(outcome); attempt++) {
        if (attempt > 1) revision = (await revisions(client, collection, [whole.id], signal)).get(whole.id)
        outcome = await put(whole, revision)
      }
      if (isConflict(outcome)) outcome = keepsChanging
    }
    outcomes[whole.index] = outcome
  }
}
