/** `_changes` of PouchDB in the form that CouchDB 3.5 gives it. */
import type { ServerResponse } from 'node:http'
import { orderFields, packSequence } from './couchdb-database.ts'
import type { Database } from './couchdb-database.ts'
import { Refused } from './couchdb-documents.ts'
import { isObject, stringifyBody } from './couchdb-json.ts'
import type { JsonObject } from './couchdb-json.ts'
import type { PouchChange } from './couchdb-pouch.ts'
import { sendPart, startAnswer } from './couchdb-request.ts'
import type { Parameters } from './couchdb-request.ts'
import { checkOperators } from './couchdb-selector.ts'

/** The feeds normal, longpoll and continuous. */
export async function sendChanges(database: Database, parameters: Parameters, body: JsonObject, response: ServerResponse): Promise<void> {
  const { doc_ids: docIds, selector } = body
  const feed = parameters.text('feed') ?? 'normal'
  if (!['normal', 'longpoll', 'continuous', 'live'].includes(feed)) {
    throw new Refused(400, 'bad_request', 'Supported `feed` types: normal, continuous, live, longpoll, eventsource')
  }
  const continuous = feed === 'continuous' || feed === 'live'
  const { update_seq: now } = await database.pouch.info()
  const since = parseSince(parameters.text('since') ?? '0', now)
  const limit = parameters.count('limit') ?? Infinity
  const options: JsonObject = {
    include_docs: parameters.flag('include_docs') ?? false,
    conflicts: parameters.flag('conflicts') ?? false,
    attachments: parameters.flag('attachments') ?? false,
    descending: parameters.flag('descending') ?? false,
    style: parameters.text('style') ?? 'main_only',
    ...(parameters.text('filter') === '_doc_ids' && Array.isArray(docIds) ? { doc_ids: docIds } : {}),
    ...(parameters.text('filter') === '_selector' && isObject(selector) ? { filter: '_selector', selector } : {})
  }
  if (parameters.text('filter') === '_selector') checkOperators(selector)
  const all = (await database.pouch.changes({ ...options, since })).results
  const changes = all.slice(0, limit)

  startAnswer(response, 200)
  if (!continuous) await sendPart(response, '{"results":[\n')
  const describe = (change: PouchChange): string => stringifyBody(describeChange(database, change))
  await sendPart(response, changes.map(describe).join(continuous ? '\n' : ',\r\n') + (continuous && changes.length > 0 ? '\n' : ''))
  let last = changes.at(-1)?.seq ?? Math.max(since, all.length > 0 ? since : now)
  if (feed !== 'normal' && changes.length < limit && (continuous || changes.length === 0)) {
    const wanted = feed === 'longpoll' ? 1 : limit - changes.length
    last = (await followChanges(database, { ...options, since: Math.max(last, now) }, parameters, wanted, describe, response)) ?? last
  }
  const pending = Math.max(0, all.length - changes.length)
  const tail = { last_seq: packSequence(database, last), pending }
  const text = stringifyBody(tail)
  response.end(continuous ? `${text}\n\n` : `\n],\n${text.slice(1)}\n\n`)
}

/** Sends what happens from now on, until enough was sent, nothing happened for long, or the client left. */
async function followChanges(
  database: Database,
  options: JsonObject,
  parameters: Parameters,
  wanted: number,
  describe: (change: PouchChange) => string,
  response: ServerResponse
): Promise<number | undefined> {
  const continuous = parameters.text('feed') !== 'longpoll'
  const heartbeat = parameters.text('heartbeat')
  const beatMs = heartbeat === undefined || heartbeat === 'false' ? undefined : Number(heartbeat === 'true' ? 60_000 : heartbeat)
  const timeoutMs = parameters.count('timeout') ?? 60_000
  let last: number | undefined
  let count = 0
  await new Promise<void>((resolve, reject) => {
    const timer = setInterval(() => (beatMs === undefined ? finish() : response.write('\n')), beatMs ?? timeoutMs)
    const feed = database.pouch.changes({ ...options, live: true, timeout: false })
    function finish(): void {
      clearInterval(timer)
      feed.cancel()
      resolve()
    }
    response.once('close', finish)
    feed.on('error', reject).on('change', change => {
      if (count === wanted) return
      last = change.seq
      response.write(describe(change) + (continuous ? '\n' : ''))
      timer.refresh()
      if (++count === wanted) finish()
    })
  })
  return last
}

function describeChange(database: Database, change: PouchChange): JsonObject {
  const { seq, id, changes, deleted, doc } = change
  const described: JsonObject = { seq: packSequence(database, seq), id, changes }
  if (deleted === true) described['deleted'] = true
  if (isObject(doc)) described['doc'] = orderFields(doc)
  return described
}

function parseSince(text: string, now: number): number {
  if (text === 'now') return now
  const match = /^"?(\d+)(?:-[^"]*)?"?$/.exec(text)
  if (match === null) throw new Refused(400, 'bad_request', "Malformed sequence supplied in 'since' parameter.")
  return Number(match[1])
}
