/**
 * Gofannon-shaped documents of any number, without end and without state: a document depends only on the seed, its collection and its
 * index, so that any slice of a collection can be made by itself.
 */
import { fromDouble, type Document, type Value } from '../../lib/values/index.ts'
import { firstNames, lastNames, plainProse, prose, pythonSource, roles, sentence, topics } from './generator-text.ts'
import { random, type Random } from './random.ts'

export const collectionNames = ['agents', 'deployments', 'users', 'sessions', 'tickets', 'demos'] as const

export type CollectionName = (typeof collectionNames)[number]

export interface GenerateOptions {
  readonly collection: CollectionName
  readonly count: number
  readonly seed?: number
  /** Index of the first document. */
  readonly start?: number
  /** How long code, chats and lists of calls are; 1 gives agents of about 3 KB, 10 ten times that. */
  readonly scale?: number
  /** 100.0 as a plain number instead of a `Double`, as every JSON parser but ours would give it. */
  readonly plainNumbers?: boolean
}

interface Context {
  readonly random: Random
  readonly seed: number
  readonly index: number
  readonly scale: number
  money(value: number): Value
}

export function* generate(options: GenerateOptions): Generator<Document, void, undefined> {
  const { collection, count, seed = 1, start = 0, scale = 1, plainNumbers = false } = options
  const make = makers[collection]
  const money = plainNumbers ? (value: number) => value : fromDouble
  for (let index = start; index < start + count; index++) {
    yield make({ random: random(seed, `${collection}/${index}`), seed, index, scale, money })
  }
}

/** Plain nested JSON documents of about `bytes` bytes of JSON text each (at least some 300), for benchmarks. Their ids ascend. */
export function* simpleDocuments(options: {
  readonly count: number
  readonly seed?: number
  readonly bytes?: number
}): Generator<Document, void, undefined> {
  const { count, seed = 1, bytes = 1000 } = options
  for (let index = 0; index < count; index++) yield simpleDocument(random(seed, `simple/${index}`), index, bytes)
}

const makers: Readonly<Record<CollectionName, (context: Context) => Document>> = {
  agents: makeAgent,
  deployments: makeDeployment,
  users: makeUser,
  sessions: makeSession,
  tickets: makeTicket,
  demos: makeDemo
}

function makeAgent(context: Context): Document {
  const { random, seed, index, scale } = context
  const topic = random.pick(topics)
  const agent: Document = {
    _id: agentId(seed, index),
    name: `${topic} ${random.pick(roles)}`,
    description: random.chance(0.1) ? null : prose(random, random.between(1, 4)),
    code: pythonSource(random, scaled(random.between(3, 7), scale)),
    friendly_name: `${topic}-${random.pick(roles)}`,
    tools: random.chance(0.2) ? {} : { 'https://mcp.example.org/mcp': ['search', 'fetch_page'], [`${topic}.tools`]: [`${topic}_lookup`] },
    input_schema: {
      type: 'object',
      properties: {
        question: { type: 'string', description: sentence(random) },
        options: { type: 'object', properties: { limit: { type: 'integer', minimum: 0, maximum: 500 }, strict: { type: 'boolean' } } },
        rows: { type: 'array', items: { type: 'array', items: { type: 'number' } } }
      },
      required: ['question']
    },
    output_schema: { type: 'object', properties: { outputText: { type: 'string' } } },
    gofannon_agents: Array.from({ length: random.below(3) }, () => agentId(seed, random.below(index + 1))),
    created_at: time(random),
    updated_at: time(random)
  }
  if (random.chance(0.15)) delete agent.friendly_name
  return agent
}

function makeDeployment({ random, seed, index }: Context): Document {
  return { _id: `${random.pick(topics)}-${random.pick(roles)}-${index}`, agentId: agentId(seed, index) }
}

function makeUser(context: Context): Document {
  const { random, seed, index, scale, money } = context
  const first = random.pick(firstNames)
  const last = random.pick(lastNames)
  const free = random.chance(0.6)
  const user: Document = {
    _id: userId(seed, index),
    basic_info: {
      display_name: `${first} ${last}`,
      email: `user${index}@example.org`,
      picture_url: random.chance(0.3) ? null : `https://pictures.example.org/a/${random.hex(24)}=s96-c`,
      provider: 'google'
    },
    billing_info: {
      plan: free ? 'free' : random.pick(['pro', 'team']),
      status: 'active',
      stripe_customer_id: free ? null : `cus_${random.hex(14)}`,
      subscription_id: free ? null : `sub_${random.hex(24)}`
    },
    usage_info: {
      monthly_allowance: money(random.pick([100, 100, 250, 12.5])),
      spend_remaining: money(random.pick([87.5, 100, 0, 0.05, -0.25, 33.333333333333336])),
      usage: Array.from({ length: scaled(random.between(0, 12), scale) }, () => ({
        timestamp: time(random),
        response_cost: money(random.pick([0.05, 0.0004125, 0.000015, 1, 0.1 + 0.2, random.below(1e6) / 1e6])),
        agent_id: agentId(seed, random.below(1000)),
        session_id: sessionId(seed, random.below(1000))
      })),
      last_reset: money(1_700_000_000 + random.below(1e8) + random.below(1e6) / 1e6)
    },
    api_keys: {
      openai_api_key: random.chance(0.5) ? `sk-generated-${random.hex(40)}` : null,
      anthropic_api_key: random.chance(0.3) ? `sk-ant-generated-${random.hex(40)}` : null,
      gemini_api_key: null,
      perplexity_api_key: random.chance(0.1) ? `pplx-generated-${random.hex(40)}` : ''
    },
    created_at: time(random),
    updated_at: random.chance(0.1) ? null : time(random)
  }
  if (random.chance(0.1)) delete user.api_keys
  return user
}

function makeSession(context: Context): Document {
  const { random, seed, index, scale } = context
  const session: Document = {
    _id: sessionId(seed, index),
    user_id: userId(seed, random.below(1000)),
    agent_id: random.chance(0.1) ? null : agentId(seed, random.below(1000)),
    messages: Array.from({ length: scaled(random.between(1, 16), scale) }, (_, turn) => ({
      role: turn % 2 === 0 ? 'user' : 'assistant',
      content: prose(random, random.between(1, turn % 2 === 0 ? 2 : 6)),
      timestamp: time(random)
    })),
    metadata: {
      ip_address: `203.0.113.${random.below(256)}`,
      user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
      tags: random.chance(0.3) ? [] : [random.pick(topics), `größe:${random.below(9)}`]
    },
    created_at: time(random),
    updated_at: time(random),
    expires_at: random.chance(0.2) ? null : time(random)
  }
  return session
}

function makeTicket(context: Context): Document {
  const { random, seed, money } = context
  const status = random.pick(['pending', 'processing', 'completed', 'completed', 'failed'])
  const completed = status === 'completed'
  return {
    _id: `ticket_${random.hex(16)}`,
    status,
    request: {
      agent_id: agentId(seed, random.below(1000)),
      input: { question: prose(random, 2), limit: random.below(500) },
      user_id: userId(seed, random.below(1000))
    },
    result: completed
      ? { output: prose(random, random.between(1, 5)), cost: money(random.below(400) / 20), completed_at: time(random) }
      : null,
    error:
      status === 'failed'
        ? `Traceback (most recent call last):\n  File "agent.py", line ${random.below(99)}, in run\nKeyError: 'größe'`
        : null,
    created_at: time(random),
    updated_at: time(random)
  }
}

function makeDemo(context: Context): Document {
  const { random, seed } = context
  const demo: Document = {
    _id: `demo_${random.hex(16)}`,
    name: `${random.pick(topics)} demo ${random.pick(['🚀', 'β', 'v2', 'Übung'])}`,
    description: random.chance(0.2) ? '' : prose(random, 2),
    agent_id: agentId(seed, random.below(1000)),
    config: {
      theme: random.pick(['light', 'dark', 'système']),
      max_messages: random.pick([10, 50, 1000]),
      features: { streaming: random.chance(0.5), upload: false, languages: ['en', 'de', '日本語'] }
    },
    is_public: random.chance(0.5),
    created_at: time(random),
    updated_at: time(random)
  }
  if (random.chance(0.2)) delete demo.description
  return demo
}

function simpleDocument(random: Random, index: number, bytes: number): Document {
  const document: Document = {
    _id: `doc-${String(index).padStart(9, '0')}`,
    name: `${random.pick(firstNames)} ${random.pick(lastNames)}`,
    active: random.chance(0.5),
    count: random.below(1e6),
    ratio: random.below(1e6) / 1e6,
    parent: random.uuid(),
    created_at: time(random),
    owner: {
      id: random.uuid(),
      tags: [random.pick(topics), random.pick(roles)],
      address: { city: random.pick(lastNames), zip: String(10_000 + random.below(90_000)) }
    },
    entries: [],
    note: null
  }
  const entries = document.entries as Value[]
  let left = bytes - Buffer.byteLength(JSON.stringify(document))
  while (left > 250) {
    const entry = { at: time(random), score: random.below(1e4) / 8 + 0.01, text: prose(random, 1), ref: random.hex(12) }
    entries.push(entry)
    left -= Buffer.byteLength(JSON.stringify(entry)) + 1
  }
  if (left > 2) document.note = plainProse(random, left + 2)
  return document
}

function agentId(seed: number, index: number): string {
  return random(seed, `agent-id/${index}`).uuid()
}

function sessionId(seed: number, index: number): string {
  return `session_${random(seed, `session-id/${index}`).hex(16)}`
}

/** Google's account numbers have 21 digits. */
function userId(seed: number, index: number): string {
  const digits = random(seed, `user-id/${index}`)
  return `user_google_1${String(index).padStart(10, '0')}${String(digits.below(1e10)).padStart(10, '0')}`
}

/** ISO 8601 as Python's `isoformat()` gives it: six fractional digits or none, with `Z` or without. */
function time(random: Random): string {
  const seconds = new Date((1_735_689_600 + random.below(40_000_000)) * 1000).toISOString().slice(0, 19)
  const fraction = random.chance(0.8) ? `.${String(random.below(1e6)).padStart(6, '0')}` : ''
  return `${seconds}${fraction}${random.chance(0.5) ? 'Z' : ''}`
}

function scaled(length: number, scale: number): number {
  return Math.round(length * scale)
}
