/** `--stage`: a stage and its options in one text. */
import { DocferryError } from '../errors.ts'
import type { Stage } from '../types.ts'
import { asDocumentValue, holdsDocumentValues } from './document-values.ts'
import { inexactNumber } from './inexact-number.ts'
import { checkStageOptions, issueText, makeOf, secretsIn } from './make-stage.ts'
import type { StageMaking, StageSpec } from './stage-spec.ts'
import { parseText, stringifyJson } from '../values/index.ts'
import type { Value } from '../values/index.ts'

/**
 * @param text the whole, by which a run remembers the stage
 * @param argument what stands behind `name:`
 * @throws {DocferryError} DOCFERRY_USAGE, DOCFERRY_CONFIG
 */
export async function stageFromText(spec: StageSpec, text: string, argument: string | undefined, making: StageMaking): Promise<Stage> {
  const options = optionsFrom(spec, argument)
  const issues = checkStageOptions(spec, options)
  // Of what was not given at all there is nothing to say but that.
  const isMissing = argument === undefined && issues.some(({ path }) => path.length === 0)
  if (issues.length > 0) throw usageError(spec, isMissing ? 'its options are missing' : issues.map(issueText).join('; '))
  const [secret] = secretsIn(spec, options)
  if (secret !== undefined)
    throw usageError(spec, `${secret} does not belong on the command line, which is kept with the run: use a variable, or a pipeline file`)
  return { ...(await makeNamed(spec, options, making, argument !== undefined)), text }
}

/** Of several stages, an error tells which it is about; of one without options, how to give them. */
async function makeNamed(spec: StageSpec, options: unknown, making: StageMaking, isGiven: boolean): Promise<Stage> {
  try {
    return await makeOf(spec, options, making)
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    if (!isGiven) throw usageError(spec, error.message)
    throw new DocferryError(error.code, `stage ${spec.name}: ${error.message}`, { stage: spec.name, cause: error })
  }
}

function optionsFrom(spec: StageSpec, argument: string | undefined): unknown {
  if (argument === undefined) return {}
  try {
    if (isJson.test(argument)) return parseOptions(spec, argument)
    if (spec.short) return spec.short.parse(argument)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw usageError(spec, error.message)
  }
  throw usageError(spec, 'its options are wanted as JSON')
}

const isJson = /^\s*[{[]/
/** Of JSON. */
const textOrNumber = /"(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*/g

/** The message holds nothing of the text but a number. */
function parseOptions({ name }: StageSpec, text: string): unknown {
  let options: unknown
  try {
    options = parseText(text)
  } catch (error) {
    throw new SyntaxError(`its options are not valid JSON${/ at position \d+/.exec(String(error))?.[0] ?? ''}`)
  }
  if (holdsDocumentValues(name))
    return parseText(text.replace(textOrNumber, token => (token.startsWith('"') ? token : asDocumentValue(token))))
  for (const [token] of text.matchAll(textOrNumber)) {
    const trouble = token.startsWith('"') ? undefined : inexactNumber(token)
    if (trouble !== undefined) throw new SyntaxError(trouble)
  }
  return options
}

function usageError(spec: StageSpec, message: string): DocferryError {
  const { name, short } = spec
  const example = exampleOf(spec)
  const forms = [...(short ? [`--stage ${short.usage}`] : []), ...(example === undefined ? [] : [`--stage '${name}:${example}'`])]
  return new DocferryError(
    'DOCFERRY_USAGE',
    `stage ${name}: ${message}; write it as in ${forms.join(' or ')} (docferry stages ${name} shows its options)`,
    { stage: name }
  )
}

/** As it can be typed: the shortest of the stage's own examples that is taken for JSON, and can be quoted. */
function exampleOf(spec: StageSpec): string | undefined {
  return spec.examples
    .filter(({ options }) => secretsIn(spec, options).length === 0)
    .map(({ options }) => stringifyJson(options as Value))
    .filter(text => isJson.test(text) && !text.includes("'"))
    .sort((a, b) => a.length - b.length)[0]
}
