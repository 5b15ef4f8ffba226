import { expect } from 'chai'
import { makeStage } from '../../lib/stages/make-stage.ts'
import type { StageMaking } from '../../lib/stages/stage-spec.ts'
import type { Document, Stage, StageContext } from '../../lib/types.ts'
import { canonicalBytes } from '../../lib/values/index.ts'

export const context: StageContext = { collection: 'users', source: 'old' }

export const making: StageMaking = { folder: '.', environment: { HASH_KEY: 'of the environment' } }

export function made(name: string, options: unknown): Promise<Stage> {
  return makeStage(name, options, making)
}

/** What a stage makes of one document. */
export async function applied(name: string, options: unknown, document: Document): Promise<unknown> {
  return await (await made(name, options)).apply(document, context)
}

/** The message of the error that the options cause. */
export async function wrong(name: string, options: unknown): Promise<string> {
  const error = await made(name, options).then(
    () => new Error('it was made'),
    (reason: Error) => reason
  )
  expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
  return error.message
}

/** The message of a stage that fails for a document, which must stay as it came. */
export async function failed(name: string, options: unknown, document: Document): Promise<string> {
  const stage = await made(name, options)
  const before = canonicalBytes(document)
  let message = 'it did not fail'
  try {
    await stage.apply(document, context)
  } catch (error) {
    message = (error as Error).message
  }
  expect(canonicalBytes(document)).to.deep.equal(before)
  return message
}

/** A document with a field of that name of its own, as JSON.parse makes it. */
export function json(text: string): Document {
  return JSON.parse(text) as Document
}
