/** One lazy line per connector and per stage: nothing is loaded before it is used, so that `docferry --help` loads no SDK. */
import { DocferryError } from './errors.ts'
import type { Connector, ProviderName, Stage } from './types.ts'

const connectors: Readonly<Record<ProviderName, () => Promise<Connector>>> = {
  memory: async () => (await import('./connectors/memory/index.ts')).memoryConnector,
  couchdb: async () => (await import('./connectors/couchdb/index.ts')).couchdbConnector,
  firestore: async () => (await import('./connectors/firestore/index.ts')).firestoreConnector,
  dynamodb: async () => (await import('./connectors/dynamodb/index.ts')).dynamodbConnector,
  file: async () => (await import('./connectors/file/index.ts')).fileConnector
}

/** The options of a connector are its own: whoever hands them over has them from its `configure`, or typed from its module. */
export async function loadConnector(name: ProviderName): Promise<Connector> {
  return await connectors[name]()
}

/** A stage as the command line names it. */
interface StageEntry {
  readonly name: string
  readonly usage: string
  readonly summary: string
  readonly make: (argument: string) => Promise<Stage>
}

/** The built-in stages for `--stage`. */
export const stages: readonly StageEntry[] = [
  {
    name: 'strip',
    usage: 'strip:field,field',
    summary: 'remove top-level fields',
    make: async argument => (await import('./stages/index.ts')).strip(names(argument))
  },
  {
    name: 'pick',
    usage: 'pick:field,field',
    summary: 'keep only these top-level fields, and _id',
    make: async argument => (await import('./stages/index.ts')).pick(names(argument))
  },
  {
    name: 'rename',
    usage: 'rename:old=new,old=new',
    summary: 'rename top-level fields',
    make: async argument => (await import('./stages/index.ts')).rename(pairs(argument))
  }
]

/**
 * Make a stage from text such as `strip:password,token`.
 *
 * @throws {DocferryError} DOCFERRY_USAGE
 */
export async function parseStage(text: string): Promise<Stage> {
  const colon = text.indexOf(':')
  const name = colon < 0 ? text : text.slice(0, colon)
  const entry = stages.find(stage => stage.name === name)
  if (!entry)
    throw new DocferryError('DOCFERRY_USAGE', `there is no stage ${name}; there are ${stages.map(stage => stage.usage).join(' | ')}`)
  try {
    return { ...(await entry.make(colon < 0 ? '' : text.slice(colon + 1))), text }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new DocferryError('DOCFERRY_USAGE', `stage ${name}: ${error.message}; write it as ${entry.usage}`)
  }
}

function names(argument: string): string[] {
  const list = argument.split(',').map(name => name.trim())
  if (list.some(name => name === '')) throw new SyntaxError('a field name is missing')
  return list
}

function pairs(argument: string): Record<string, string> {
  return Object.fromEntries(
    names(argument).map(pair => {
      const [from = '', to = '', ...more] = pair.split('=').map(name => name.trim())
      if (from === '' || to === '' || more.length > 0) throw new SyntaxError('a pair of names is needed')
      return [from, to]
    })
  )
}
