/**
 * A -> B -> A gives back every document, for every ordered pair of providers, on the real servers: documents of all value kinds, with names
 * and ids that one or the other refuses.
 *
 * DOCFERRY_SEED and DOCFERRY_RUNS try other documents, and more; DOCFERRY_PRINT shows what was tried.
 */
import { expect } from 'chai'
import fc from 'fast-check'
import { createMemoryStore } from '../lib/connectors/memory/store.ts'
import { openSource } from '../lib/open.ts'
import { migrate } from './support/migrate.ts'
import type { ProviderName, Types } from '../lib/types.ts'
import { Decimal, documentDigest, Double, ValueSet } from '../lib/values/index.ts'
import type { Document, SetMember, Value } from '../lib/values/index.ts'
import { subjects } from './conformance/subjects.ts'
import type { Subject } from './conformance/subjects.ts'
import { awkwardDocument, awkwardIds } from './values/awkward.ts'
import { sameValue } from './values/same-value.ts'

const providers = ['memory', 'file', 'couchdb', 'firestore', 'dynamodb'] as const satisfies readonly ProviderName[]
const seed = Number(process.env['DOCFERRY_SEED'] ?? 20261122)
const runs = Number(process.env['DOCFERRY_RUNS'] ?? 120)
const names = { first: 'first', there: 'there', back: 'back' }

describe('pairs: A -> B -> A', function () {
  this.timeout(120_000)
  const opened: Subject[] = []
  const tried: string[] = []
  let documents: Map<string, Document>
  before(() => {
    documents = sampleDocuments()
  })

  const place = async (provider: ProviderName): Promise<Subject> => {
    const subject = await subjects[provider]()
    opened.push(subject)
    return subject
  }
  afterEach(async () => {
    for (const subject of opened.splice(0)) await subject.remove([names.there, names.back])
  })
  after(() => {
    if (process.env['DOCFERRY_PRINT']) process.stdout.write(`${tried.join('\n')}\n`)
  })

  for (const types of ['natural', 'exact'] as const) {
    for (const from of providers) {
      describe(`${from}, --types ${types}`, () => {
        let first: Subject
        before(async () => {
          first = await subjects[from]()
          await move(storeOf(documents), await first.endpoint(), types, { documents: names.first }, documents.size)
        })
        after(() => first.remove([names.first]))

        for (const to of providers) {
          it(`${from} -> ${to} -> ${from} with --types ${types} gives back every document`, async () => {
            const [there, back] = [await place(to), await place(from)]
            await move(await first.endpoint(), await there.endpoint(), types, { [names.first]: names.there }, documents.size)
            await move(await there.endpoint(), await back.endpoint(), types, { [names.there]: names.back }, documents.size)
            const returned = await readAll(back)
            expect([...returned.keys()].sort()).to.deep.equal([...documents.keys()].sort())
            let differences = 0
            for (const [id, document] of documents) {
              if (!isSame(returned.get(id) as Document, document, types)) differences++
            }
            expect(differences).to.equal(0)
            tried.push(`${from} -> ${to} -> ${from}, ${types}: ${documents.size} documents, ${differences} differences`)
          })
        }
      })
    }
  }
})

/** Every awkward id once, and as many others. */
function sampleDocuments(): Map<string, Document> {
  const random = fc.sample(awkwardDocument, { seed, numRuns: runs })
  const named = awkwardIds.map((id, index): Document => ({ ...random[index % random.length], _id: id }))
  return new Map([...named, ...random].map(document => [document._id, document]))
}

function storeOf(documents: Map<string, Document>) {
  const store = createMemoryStore()
  store.collections.set('documents', documents)
  return { connector: 'memory' as const, options: { store } }
}

async function move(
  source: Parameters<typeof migrate>[0]['source'],
  target: Parameters<typeof migrate>[0]['target'],
  types: Types,
  rename: Record<string, string>,
  documents: number
): Promise<void> {
  const report = await migrate({
    source,
    target,
    types,
    onIncompatible: 'escape',
    collections: Object.keys(rename),
    rename,
    onConflict: 'fail'
  })
  const [collection] = report.collections
  expect(collection?.failures.map(({ code, message, examples }) => `${code} ${message} ${examples.join(' ')}`)).to.deep.equal([])
  expect(collection).to.include({ read: documents, written: documents, failed: 0, filtered: 0, skipped: 0 })
}

async function readAll(subject: Subject): Promise<Map<string, Document>> {
  const source = await openSource(await subject.endpoint())
  const found = new Map<string, Document>()
  try {
    for (const partition of await source.partitions([names.back], { wanted: 1 })) {
      for await (const { documents, rejects = [] } of source.read(partition, {})) {
        expect(rejects).to.deep.equal([])
        for (const { _rev, ...document } of documents) {
          void _rev
          found.set(document._id, document)
        }
      }
    }
    return found
  } finally {
    await source.close()
  }
}

/** Equal by value; with `exact` of the same types too. @throws {AssertionError} that names the place */
function isSame(actual: Document, expected: Document, types: Types): boolean {
  if (types === 'exact') sameValue(normal(actual), normal(expected), JSON.stringify(expected._id).slice(0, 60))
  const same = Buffer.from(documentDigest(actual)).equals(Buffer.from(documentDigest(expected)))
  if (!same) sameValue(normal(actual), normal(expected), JSON.stringify(expected._id).slice(0, 60))
  return same
}

/** -0 is a double whichever way it is written, and a set has no order. */
function normal(value: Value): Value {
  if (value instanceof ValueSet) return new ValueSet([...value.members].sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1)))
  if (value instanceof Double && Object.is(value.value, -0)) return -0
  if (Array.isArray(value)) return value.map(normal)
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, normal(field)]))
  return value
}

function textOf(member: SetMember): string {
  if (member instanceof Uint8Array) return Buffer.from(member).toString('hex')
  return member instanceof Decimal ? member.digits : String(member)
}
