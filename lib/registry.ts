/** One lazy line per connector and per stage: nothing is loaded before it is used, so that `docferry --help` loads no SDK. */
import { didYouMean } from './config/suggest.ts'
import { DocferryError } from './errors.ts'
import type { StageMaking, StageSpec } from './stages/stage-spec.ts'
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

/** The built-in stages, in the order in which they are listed. */
export const stageSpecs: Readonly<Record<string, () => Promise<StageSpec>>> = {
  strip: async () => (await import('./stages/strip.ts')).stripStage,
  pick: async () => (await import('./stages/pick.ts')).pickStage,
  rename: async () => (await import('./stages/rename.ts')).renameStage,
  move: async () => (await import('./stages/move.ts')).moveStage,
  set: async () => (await import('./stages/set.ts')).setStage,
  default: async () => (await import('./stages/default.ts')).defaultStage,
  convert: async () => (await import('./stages/convert.ts')).convertStage,
  flatten: async () => (await import('./stages/flatten.ts')).flattenStage,
  unflatten: async () => (await import('./stages/unflatten.ts')).unflattenStage,
  redact: async () => (await import('./stages/redact.ts')).redactStage,
  hash: async () => (await import('./stages/hash.ts')).hashStage,
  id: async () => (await import('./stages/id.ts')).idStage,
  filter: async () => (await import('./stages/filter.ts')).filterStage,
  map: async () => (await import('./stages/map.ts')).mapStage,
  split: async () => (await import('./stages/split.ts')).splitStage,
  dedupe: async () => (await import('./stages/dedupe.ts')).dedupeStage,
  sample: async () => (await import('./stages/sample.ts')).sampleStage,
  limit: async () => (await import('./stages/limit.ts')).limitStage,
  tap: async () => (await import('./stages/tap.ts')).tapStage,
  validate: async () => (await import('./stages/validate.ts')).validateStage
}

/** @throws {DocferryError} DOCFERRY_USAGE */
export async function loadStageSpec(name: string): Promise<StageSpec> {
  const names = Object.keys(stageSpecs)
  if (Object.hasOwn(stageSpecs, name)) return await stageSpecs[name]!()
  const meant = looksLikeModule.test(name) ? `: ${aboutModules}` : didYouMean(name, names)
  throw new DocferryError('DOCFERRY_USAGE', `there is no stage ${name || '""'}${meant}; there are ${names.join(', ')}`)
}

const looksLikeModule = /^(?:module|function)$|[/\\]|\.[cm]?[jt]s(?:#|$)/
const aboutModules = 'a module of your own stands in a pipeline file (stages: [{ module: ./stage.ts }]), which docferry run takes'

/**
 * Make a stage from text: `strip:password,token`, or with any options as JSON: `strip:["password","token"]`.
 *
 * @throws {DocferryError} DOCFERRY_USAGE, DOCFERRY_CONFIG
 */
export async function parseStage(text: string, making: StageMaking = { folder: '.', environment: {} }): Promise<Stage> {
  const { stageFromText } = await import('./stages/stage-from-text.ts')
  const colon = text.indexOf(':')
  const spec = await loadStageSpec(colon < 0 ? text : text.slice(0, colon))
  return await stageFromText(spec, text, colon < 0 ? undefined : text.slice(colon + 1), making)
}
