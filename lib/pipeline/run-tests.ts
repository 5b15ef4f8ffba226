/** The examples of a pipeline file, tried. */
import { withinTime } from '../engine/within-time.ts'
import { builtInStages } from '../stages/index.ts'
import type { Document, Environment } from '../types.ts'
import { canonicalBytes } from '../values/index.ts'
import { makeStages } from './make-stages.ts'
import type { Pipeline, PipelineTest } from './pipeline.ts'
import { isMerged } from './run-options.ts'
import { throughStages, troubleOf, withOpenStages } from './through-stages.ts'
import type { Came, Trouble } from './through-stages.ts'

export interface TestResult {
  readonly test: PipelineTest
  readonly passed: boolean
  /** What has come out, in order. */
  readonly out: readonly Document[]
  /** Whether that is what should. */
  readonly isRightOut: boolean
  /** Stages that have failed. */
  readonly troubles: readonly Trouble[]
  /** Ids of `fails` for which no stage has failed. */
  readonly notFailed: readonly string[]
}

export interface RunTestsOptions {
  readonly environment: Environment
  /** How long each may take, in milliseconds. Default 30,000. */
  readonly limitMs?: number
}

/**
 * Each with stages of its own, made anew, behind those of every run. No source or target is opened, and no stage writes anything.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG where the stages can't be made
 */
export async function runTests(pipeline: Pipeline, options: RunTestsOptions): Promise<readonly TestResult[]> {
  const results: TestResult[] = []
  for (const test of pipeline.tests) results.push(await runTest(pipeline, test, options))
  return results
}

async function runTest(pipeline: Pipeline, test: PipelineTest, { environment, limitMs = 30_000 }: RunTestsOptions): Promise<TestResult> {
  const stages = [...builtInStages(pipeline.options), ...(await makeStages(pipeline, { environment }))]
  const { collection, in: documents } = test
  const given = { collection, source: sourceOfTest(pipeline, test), documents }
  const late = (): Error => new Error(`the stages have not come to an end within ${limitMs / 1000} s`)
  const work = async (signal: AbortSignal): Promise<Came> =>
    await withOpenStages(stages, async () => await throughStages(stages, given, signal), signal)
  try {
    const came = await withinTime(work, { ms: limitMs, late })
    return judged(test, came)
  } catch (error) {
    // Also of what a stage has made that is no value: a Date, a function.
    return judged(test, { documents: [], troubles: [troubleOf(error)] })
  }
}

function judged(test: PipelineTest, { documents, troubles }: Came): TestResult {
  const { out, fails } = test
  const isRightOut = sameDocuments(documents, out)
  const notFailed = typeof fails === 'object' ? fails.filter(id => !troubles.some(trouble => trouble.id === id)) : []
  const isExpected = ({ id }: Trouble): boolean => fails === true || (fails?.includes(id ?? '') ?? false)
  const isRightFailing = fails === true ? troubles.length > 0 : notFailed.length === 0 && troubles.every(isExpected)
  return { test, passed: isRightOut && isRightFailing, out: documents, isRightOut, troubles, notFailed }
}

/** In a run, a document says where it comes from where there are several sources. */
function sourceOfTest(pipeline: Pipeline, { source, collection }: PipelineTest): string | undefined {
  if (!isMerged(pipeline)) return undefined
  if (source !== undefined) return source
  const gives = ({ collections, rename }: Pipeline['sources'][number]): boolean =>
    collections?.some(name => (Object.hasOwn(rename, name) ? rename[name] : name) === collection) ?? true
  return (pipeline.sources.find(gives) ?? pipeline.sources[0]!).name
}

function sameDocuments(some: readonly Document[], others: readonly Document[]): boolean {
  return some.length === others.length && some.every((document, index) => isSameDocument(document, others[index]!))
}

/** A number is its value (1 is 1.0), and fields have no order, nor have the members of a set. */
function isSameDocument(one: Document, other: Document): boolean {
  return Buffer.compare(canonicalBytes(one), canonicalBytes(other)) === 0
}
