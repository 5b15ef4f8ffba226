/** What its place in a pipeline adds to a stage: its name, what an error does, for which documents it is. */
import { PassThrough } from 'node:stream'
import type { CheckedRun, OnStageError, Stage, StageContext, TransformStage } from '../types.ts'
import { alsoInPlace, inPlaceOf } from '../stages/in-place.ts'
import { isTransformObject } from './define-stage.ts'

/** Which documents a stage is for. Missing: all. */
export interface Restriction {
  readonly collections?: readonly string[] | undefined
  readonly sources?: readonly string[] | undefined
}

export interface StagePlace extends Restriction {
  readonly name: string
  /** What tells it from another stage of its name. */
  readonly text: string
  /** Where it is written. */
  readonly place: string
  /** Default: the stage's. */
  readonly onError?: OnStageError | undefined
}

export function placeStage(stage: Stage | TransformStage, { onError, collections, sources, ...named }: StagePlace): Stage | TransformStage {
  const restriction = { collections, sources }
  if (isTransformObject(stage)) {
    const { holdsBack, mayRepeatIds } = stage
    const transform = (context: StageContext): ReturnType<TransformStage['transform']> =>
      isFor(restriction, context) ? stage.transform(context) : new PassThrough({ objectMode: true })
    return { ...named, holdsBack, mayRepeatIds, transform }
  }
  const isSated = stage.isSated?.bind(stage)
  const check = stage.check?.bind(stage)
  return derived(stage, {
    ...named,
    ...(onError && { onError }),
    apply: restricted(stage, restriction),
    ...(check && { check: run => check(restrictedRun(run, restriction)) }),
    ...(isSated && { isSated: collection => passesNone(collection, restriction) && isSated(collection) })
  })
}

/** The stage with other fields. Its functions go on belonging to it: it may be an instance of a class. */
export function derived(stage: Stage, changes: Partial<Stage>): Stage {
  const { name, text, place, mayRepeatIds, isPure, fields, changesInPlace, givesValues, onError, state } = stage
  const { check, open, isSated, notes, close } = stage
  return {
    ...{ name, text, place, mayRepeatIds, isPure, fields, changesInPlace, givesValues, onError, state },
    ...(stage.passesAll && { passesAll: true }),
    apply: applyOf(stage),
    ...(check && { check: run => check.call(stage, run) }),
    ...(open && { open: run => open.call(stage, run) }),
    ...(isSated && { isSated: collection => isSated.call(stage, collection) }),
    ...(notes && { notes: () => notes.call(stage) }),
    ...(close && { close: isDone => close.call(stage, isDone) }),
    ...changes
  }
}

/** A stage that finds its options in the context. */
export function withOptions(stage: Stage | TransformStage, options: unknown): Stage | TransformStage {
  const tell = toldOptions(options)
  if (isTransformObject(stage)) {
    const { name, holdsBack, mayRepeatIds } = stage
    return { name, holdsBack, mayRepeatIds, transform: context => stage.transform(tell(context)) }
  }
  return derived(stage, { apply: (document, context) => stage.apply(document, tell(context)) })
}

/** Documents come in long runs with one context. */
function toldOptions(options: unknown): (context: StageContext) => StageContext {
  let last: StageContext | undefined
  let told: StageContext | undefined
  return context => {
    if (context === last && told) return told
    last = context
    return (told = { ...context, options })
  }
}

/** Where nobody knows what its sources give, nobody knows what comes to the stage. */
function restrictedRun({ collections, ...run }: CheckedRun, { collections: only, sources }: Restriction): CheckedRun {
  const given = sources?.map(name => run.sources?.get(name))
  if (!collections || given?.includes(undefined)) return run
  return {
    ...run,
    collections: collections.filter(name => (only?.includes(name) ?? true) && (given?.some(names => names!.includes(name)) ?? true))
  }
}

function isFor({ collections, sources }: Restriction, { collection, source }: StageContext): boolean {
  return (collections?.includes(collection) ?? true) && (sources === undefined || (source !== undefined && sources.includes(source)))
}

/** What is known to work in place is no method of the stage's. */
function applyOf(stage: Stage): Stage['apply'] {
  return inPlaceOf(stage.apply) ? stage.apply : (document, context) => stage.apply(document, context)
}

function restricted(stage: Stage, restriction: Restriction): Stage['apply'] {
  if (!restriction.collections && !restriction.sources) return applyOf(stage)
  const inPlace = inPlaceOf(stage.apply)
  const apply = whereFor(applyOf(stage), restriction)
  return inPlace ? alsoInPlace(apply, whereFor(inPlace, restriction)) : apply
}

function whereFor(apply: Stage['apply'], restriction: Restriction): Stage['apply'] {
  let last: StageContext | undefined
  let applies = false
  return (document, context) => {
    if (context !== last) {
      last = context
      applies = isFor(restriction, context)
    }
    return applies ? apply(document, context) : document
  }
}

/** Whether no document of the collection passes the stage by: those that do must be read, whatever it has had enough of. */
function passesNone(collection: string, { collections, sources }: Restriction): boolean {
  return sources === undefined && (collections?.includes(collection) ?? true)
}
