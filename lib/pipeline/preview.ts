/** The first documents of a pipeline's sources, before and after its stages. Nothing is written, and no target is opened. */
import { applyStages } from '../engine/apply-stages.ts'
import { closeEnd } from '../engine/close-end.ts'
import { functionStages, isTransformStage } from '../engine/stage-chain.ts'
import { presets } from '../config/presets.ts'
import { openSource, silentLogger } from '../open.ts'
import { checkWhole, noSuchCollection } from '../plan/choose-collections.ts'
import { builtInStages } from '../stages/index.ts'
import type { CollectionInfo, Document, Environment, Logger, RejectDetails, RunStage, Source, StageContext } from '../types.ts'
import { cloneDocument } from '../values/index.ts'
import { makeStages } from './make-stages.ts'
import type { Pipeline } from './pipeline.ts'
import { sourceOf } from './run-options.ts'
import { throughStages, troubleOf, withOpenStages } from './through-stages.ts'
import type { Trouble } from './through-stages.ts'

export interface PreviewOptions {
  readonly environment: Environment
  /** Documents of each collection, and of each source that gives it. Default 5. */
  readonly limit?: number
  /** Default: those of the pipeline. */
  readonly collections?: readonly string[]
  readonly signal?: AbortSignal
  readonly logger?: Logger
}

/** One document, and what has become of it. */
export interface PreviewedDocument {
  /** As a run hands it to the pipeline's first stage: without CouchDB's own fields, unless they are kept. */
  readonly before: Document
  readonly after: readonly Document[]
  /** Stages that have let nothing of it pass, by their names. */
  readonly leftOutBy: readonly string[]
  readonly troubles: readonly Trouble[]
}

export interface PreviewedCollection {
  /** As the stages know it. */
  readonly name: string
  /** Where there are several sources. */
  readonly source?: string
  /** What it is called in the target. */
  readonly target: string
  readonly documents: readonly PreviewedDocument[]
  /** Came out of a Node Transform under ids that none of the documents has. */
  readonly others: readonly Document[]
  /** Of a Node Transform that has failed, of which document is not known. */
  readonly troubles: readonly Trouble[]
  /** What stood between them and is no document. */
  readonly rejects: readonly RejectDetails[]
}

export interface Preview {
  readonly source: Source['location']
  /** In the order of the source. Those without documents too. */
  readonly collections: readonly PreviewedCollection[]
}

/**
 * @throws {DocferryError} as a run's reading does; DOCFERRY_NO_SUCH_COLLECTION
 */
export async function previewPipeline(pipeline: Pipeline, options: PreviewOptions): Promise<Preview> {
  const { environment, signal, logger = silentLogger } = options
  const stages = await makeStages(pipeline, { environment })
  const source = await openSource(sourceOf(pipeline, environment), {
    environment,
    logger,
    signal,
    subcollections: pipeline.options.subcollections
  })
  try {
    const samples = await readFirst(source, pipeline, options)
    const look = async (): Promise<PreviewedCollection[]> => {
      const collections: PreviewedCollection[] = []
      for (const sample of samples) collections.push(await previewOf(sample, stages, pipeline, signal))
      return collections
    }
    return { source: source.location, collections: await withOpenStages(stages, look, signal) }
  } finally {
    await closeEnd(source, logger)
  }
}

/** The first documents of a collection, of one source. */
interface Sample {
  readonly collection: string
  readonly source: string | undefined
  readonly documents: Document[]
  readonly rejects: RejectDetails[]
}

async function readFirst(source: Source, pipeline: Pipeline, { limit = 5, collections, signal }: PreviewOptions): Promise<Sample[]> {
  const held = await source.collections({ ...(signal && { signal }) })
  const names = chosen(held, source, collections ?? pipeline.collections?.map(({ name }) => name), pipeline)
  const samples = new Map<string, Sample>()
  const sampleOf = (collection: string, from: string | undefined): Sample => {
    const key = JSON.stringify([collection, from])
    if (!samples.has(key)) samples.set(key, { collection, source: from, documents: [], rejects: [] })
    return samples.get(key)!
  }
  const isFull = ({ documents, rejects }: Sample): boolean => documents.length >= limit || rejects.length >= limit
  // Each collection for itself, so that one can be left in its midst; where only reading tells what there is, all in one stream.
  for (const name of names ?? [null]) {
    const wanted = name === null ? (collections ?? null) : [name]
    for (const partition of await source.partitions(wanted, { wanted: 1, ...(signal && { signal }) })) {
      for await (const page of source.read(partition, { pageSize: limit, ...(signal && { signal }) })) {
        const sample = sampleOf(page.collection, page.source)
        const documents = page.documents.filter(({ _id }) => pipeline.options.includeDesign || !_id.startsWith('_design/'))
        sample.documents.push(...documents.slice(0, limit - sample.documents.length))
        sample.rejects.push(...(page.rejects ?? []).slice(0, limit - sample.rejects.length))
        if (partition.collections.length === 1 && isFull(sample)) break
        if (wanted?.every(each => [...samples.values()].some(one => one.collection === each && isFull(one)))) break
      }
    }
    if (name !== null && ![...samples.values()].some(({ collection }) => collection === name)) sampleOf(name, undefined)
  }
  return [...samples.values()]
}

/** `null` where only reading tells. */
function chosen(
  held: readonly CollectionInfo[] | null,
  source: Source,
  named: readonly string[] | undefined,
  { preset }: Pipeline
): readonly string[] | null {
  if (held === null) return null
  const visible = held.filter(({ system }) => !system)
  const missing = named?.filter(name => !held.some(info => info.name === name)) ?? []
  if (missing.length > 0) throw noSuchCollection(missing, visible, source)
  const wanted = named ?? (preset && presets[preset])
  const taken = wanted ? held.filter(({ name }) => wanted.includes(name)) : visible
  checkWhole(taken)
  return taken.map(({ name }) => name)
}

async function previewOf(
  { collection, source, documents, rejects }: Sample,
  stages: readonly RunStage[],
  pipeline: Pipeline,
  signal: AbortSignal | undefined
): Promise<PreviewedCollection> {
  const target = pipeline.collections?.find(({ name }) => name === collection)?.as ?? collection
  const common = { name: collection, ...(source !== undefined && { source }), target, rejects }
  const context: StageContext = { collection, source, partition: collection, ...(signal && { signal }) }
  const given = await prepared(documents, context, pipeline)
  if (stages.some(isTransformStage)) return { ...common, ...(await asWhole(given, context, stages)) }
  const previewed: PreviewedDocument[] = []
  for (const document of given) previewed.push(await oneByOne(document, context, stages))
  return { ...common, documents: previewed, others: [], troubles: [] }
}

/** By the stages of every run. */
async function prepared(documents: readonly Document[], context: StageContext, { options }: Pipeline): Promise<Document[]> {
  const out: Document[] = []
  for (const document of documents) await applyStages(builtInStages(options), document, context, passed => void out.push(passed))
  return out
}

async function oneByOne(before: Document, context: StageContext, stages: readonly RunStage[]): Promise<PreviewedDocument> {
  const after: Document[] = []
  const leftOutBy = new Set<string>()
  const troubles: Trouble[] = []
  const functions = functionStages(stages, name => new Error(name))
  try {
    await applyStages(functions, cloneDocument(before), context, document => void after.push(document), {
      onFiltered: ({ name }, _context, isFailed) => leftOutBy.add(isFailed ? `${name}, which failed (onError: skip)` : name),
      onFailed: ({ document, error, stage }) =>
        void troubles.push({ id: document._id, stage: functions[stage]?.name, message: error.message, isDeadLetter: true })
    })
  } catch (error) {
    context.signal?.throwIfAborted()
    troubles.push(troubleOf(error, before))
  }
  return { before, after, leftOutBy: [...leftOutBy], troubles }
}

/** What a Node Transform makes of which document can't be seen: they go through together, and are known by their ids. */
async function asWhole(
  given: readonly Document[],
  { collection, source, signal }: StageContext,
  stages: readonly RunStage[]
): Promise<Pick<PreviewedCollection, 'documents' | 'others' | 'troubles'>> {
  const came = await throughStages(stages, { collection, source, documents: given }, signal)
  const ids = new Set(given.map(({ _id }) => _id))
  const documents = given.map(before => ({
    before,
    after: came.documents.filter(({ _id }) => _id === before._id),
    leftOutBy: [],
    troubles: came.troubles.filter(({ id }) => id === before._id)
  }))
  const others = came.documents.filter(({ _id }) => !ids.has(_id))
  return { documents, others, troubles: came.troubles.filter(({ id }) => id === undefined || !ids.has(id)) }
}
