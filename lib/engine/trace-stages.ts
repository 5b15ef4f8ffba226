/** Stages through which it stays known where a document comes from, whatever they make of it. */
import type { Document, Stage, StageResult } from '../types.ts'

/**
 * The same stage; each document that comes out has the origin of the one that went in.
 *
 * @param applies whether the stage is for documents of this origin; others pass by. Default: for all
 */
export function traceStage<Origin extends object>(
  stage: Stage,
  origins: WeakMap<Document, Origin>,
  applies: (origin: Origin) => boolean = () => true
): Stage {
  return {
    ...stage,
    // A letter that fails again is kept as it was: nobody needs the document as it came to the stage.
    changesInPlace: false,
    apply(document, context) {
      const origin = origins.get(document)
      if (origin && !applies(origin)) return document
      const result = stage.apply(document, context)
      if (!origin) return result
      const trace = (found: Document): Document => traced(found, origin, origins)
      return isPromise(result) ? result.then(settled => traceAll(settled, trace)) : traceAll(result, trace)
    }
  }
}

function traceAll(result: StageResult, trace: (document: Document) => Document): StageResult {
  if (typeof result !== 'object' || result === null) return result
  if (Symbol.asyncIterator in result) return traceEach(result, trace)
  if (Symbol.iterator in result) return traceEvery(result, trace)
  return trace(result)
}

function* traceEvery(documents: Iterable<Document>, trace: (document: Document) => Document): Iterable<Document> {
  for (const document of documents) yield trace(document)
}

async function* traceEach(documents: AsyncIterable<Document>, trace: (document: Document) => Document): AsyncIterable<Document> {
  for await (const document of documents) yield trace(document)
}

function traced<Origin extends object>(document: Document, origin: Origin, origins: WeakMap<Document, Origin>): Document {
  // What is no object is for whoever applies the stage to refuse.
  if (typeof document !== 'object' || document === null) return document
  const known = origins.get(document)
  // A stage may answer with one and the same object each time.
  const own = known === undefined || known === origin ? document : { ...document }
  origins.set(own, origin)
  return own
}

function isPromise(result: StageResult | Promise<StageResult>): result is Promise<StageResult> {
  return typeof result === 'object' && result !== null && typeof (result as { then?: unknown }).then === 'function'
}
