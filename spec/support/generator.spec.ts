import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { Double, looksLikeEnvelope, parseJson, stringifyJson, type Document, type Value, type ValueMap } from '../../lib/values/index.ts'
import { collectionNames, generate, simpleDocuments, type CollectionName } from './generator.ts'
import { pythonExport, pythonJson } from './python-json.ts'
import { cities, countries } from './real-data.ts'

function texts(documents: Iterable<Document>): string[] {
  return [...documents].map(document => stringifyJson(document))
}

describe('generator: Gofannon documents', () => {
  const idForms: Record<CollectionName, RegExp> = {
    agents: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    deployments: /^[a-z-]+-\d+$/,
    users: /^user_google_\d{21}$/,
    sessions: /^session_[0-9a-f]{16}$/,
    tickets: /^ticket_[0-9a-f]{16}$/,
    demos: /^demo_[0-9a-f]{16}$/
  }

  for (const collection of collectionNames) {
    it(`gives the same ${collection} for the same seed, and others for another`, () => {
      const first = texts(generate({ collection, count: 20, seed: 3 }))
      expect(texts(generate({ collection, count: 20, seed: 3 }))).to.deep.equal(first)
      expect(texts(generate({ collection, count: 20, seed: 4 }))).to.not.deep.equal(first)
    })

    it(`makes any slice of ${collection} by itself`, () => {
      expect(texts(generate({ collection, count: 5, start: 12 }))).to.deep.equal(texts(generate({ collection, count: 20 })).slice(12, 17))
    })

    it(`gives ${collection} ids of the right form, each once`, () => {
      const ids = [...generate({ collection, count: 500 })].map(({ _id }) => _id)
      expect(new Set(ids).size).to.equal(500)
      for (const id of ids) expect(id).to.match(idForms[collection])
    })

    it(`makes ${collection} that survive JSON, and hold nothing like an envelope`, () => {
      for (const document of generate({ collection, count: 50 })) {
        expect(parseJson(stringifyJson(document))).to.deep.equal(document)
        expect(looksLikeEnvelope(document)).to.equal(false)
      }
    })
  }

  it('makes money of doubles, integral ones too, or of plain numbers', () => {
    const allowances = (plainNumbers: boolean): Value[] =>
      [...generate({ collection: 'users', count: 50, plainNumbers })].map(user => (user.usage_info as ValueMap).monthly_allowance as Value)
    expect(allowances(false)).to.deep.include(new Double(100)).and.to.include(12.5)
    expect(allowances(true)).to.include(100).and.to.include(12.5)
  })

  it('grows documents by the scale', () => {
    const size = (scale: number): number => Buffer.byteLength(texts(generate({ collection: 'sessions', count: 20, scale })).join(''))
    expect(size(50)).to.be.above(30 * size(1))
  })

  it('has agents for deployments to point to', () => {
    const agents = [...generate({ collection: 'agents', count: 10 })].map(({ _id }) => _id)
    expect([...generate({ collection: 'deployments', count: 10 })].map(({ agentId }) => agentId)).to.deep.equal(agents)
  })

  it('has null, missing and empty fields among the others', () => {
    const users = [...generate({ collection: 'users', count: 100 })]
    expect(users.some(user => user.updated_at === null)).to.equal(true)
    expect(users.some(user => !('api_keys' in user))).to.equal(true)
    expect(users.some(user => ((user.usage_info as ValueMap).usage as Value[]).length === 0)).to.equal(true)
  })
})

describe('generator: simple documents', () => {
  for (const bytes of [500, 1000, 5000, 100_000]) {
    it(`have ${bytes} bytes`, () => {
      for (const document of simpleDocuments({ count: 20, bytes })) {
        expect(Buffer.byteLength(JSON.stringify(document))).to.be.within(bytes * 0.9 - 50, bytes * 1.1 + 50)
      }
    })
  }

  it('are plain JSON, with ascending ids', () => {
    const documents = [...simpleDocuments({ count: 200, seed: 9 })]
    expect(JSON.parse(JSON.stringify(documents))).to.deep.equal(documents)
    expect(documents.map(({ _id }) => _id)).to.deep.equal([...documents.map(({ _id }) => _id)].sort())
  })

  it('come one by one, however many are asked for', () => {
    const [first] = simpleDocuments({ count: Number.MAX_SAFE_INTEGER })
    expect(first).to.have.property('_id', 'doc-000000000')
  })
})

describe('generator: the bundled sample', () => {
  it('is what the generator writes', () => {
    const collections = collectionNames.map(collection => [collection, generate({ collection, count: 12, seed: 7, scale: 0.4 })] as const)
    const written = [...pythonExport({ provider: 'couchdb', exportedAt: '2026-01-15T10:30:00.123456', collections })].join('')
    expect(written).to.equal(readFileSync(new URL(sampleUrl(), import.meta.url), 'utf8'))
  })

  it('holds floats as Python writes them', () => {
    const floats = [100, 0.05, 87.5, 0.0001, 0.00001, 1.5e-7, 1e15, 1e16, 1.25e22, 0, -0.5, -100, 1e300].map(value => new Double(value))
    expect(floats.map(value => pythonJson(value)).join(' ')).to.equal(
      '100.0 0.05 87.5 0.0001 1e-05 1.5e-07 1000000000000000.0 1e+16 1.25e+22 0.0 -0.5 -100.0 1e+300'
    )
  })
})

describe('real data', function () {
  this.timeout(20_000)

  it('has 250 countries with ids of their own', () => {
    const all = [...countries()]
    expect(new Set(all.map(({ _id }) => _id)).size).to.equal(250)
    expect(all.find(({ _id }) => _id === 'JPN')).to.nested.include({ 'name.common': 'Japan', region: 'Asia' })
  })

  it('has over 100,000 cities with ids of their own', () => {
    const ids = new Set<string>()
    for (const city of cities()) ids.add(city._id)
    expect(ids.size).to.be.above(100_000)
  })
})

/** The fixtures are not compiled: from dist/spec/support they are two folders further up. */
function sampleUrl(): string {
  return import.meta.url.includes('/dist/spec/') ? '../../../spec/fixtures/gofannon-export.json' : '../fixtures/gofannon-export.json'
}
