/** `--stage`: a stage and its options in one text. */
import { DocferryError } from '../errors.ts'
import type { Stage } from '../types.ts'
import { asDocumentValue, holdsDocumentValues } from './document-values.ts'
import { inexactNumber } from './inexact-number.ts'
import { checkStageOptions, issueText, makeOf, propertiesOf, secretsIn } from './make-stage.ts'
import type { StageMaking, StageSpec } from './stage-spec.ts'
import { parseText } from '../values/index.ts'

/**
 * @param text the whole, by which a run remembers the stage
 * @param argument what stands behind `name:`
 * @throws {DocferryError} DOCFERRY_USAGE, DOCFERRY_CONFIG
 */
export async function stageFromText(spec: StageSpec, text: string, argument: string | undefined, making: StageMaking): Promise<Stage> {
  const options = optionsFrom(spec, argument)
  const issues = checkStageOptions(spec, options)
  if (issues.length > 0) throw usageError(spec, issues.map(issueText).join('; '))
  const [secret] = secretsIn(spec, options)
  if (secret !== undefined)
    throw usageError(spec, `${secret} does not belong on the command line, which is kept with the run: use a variable, or a pipeline file`)
  return { ...(await makeNamed(spec, options, making)), text }
}

/** Of several stages, an error tells which it is about. */
async function makeNamed(spec: StageSpec, options: unknown, making: StageMaking): Promise<Stage> {
  try {
    return await makeOf(spec, options, making)
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    throw new DocferryError(error.code, `stage ${spec.name}: ${error.message}`, { stage: spec.name, cause: error })
  }
}

function optionsFrom(spec: StageSpec, argument: string | undefined): unknown {
  if (argument === undefined) return {}
  try {
    if (/^\s*[{[]/.test(argument)) return parseOptions(spec, argument)
    if (spec.short) return spec.short.parse(argument)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw usageError(spec, error.message)
  }
  throw usageError(spec, 'its options are wanted as JSON')
}

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

function usageError({ name, short, schema }: StageSpec, message: string): DocferryError {
  const json = propertiesOf(schema).length > 0 ? '{"option": ...}' : schema['type'] === 'array' ? '["...", ...]' : '{"...": ...}'
  const forms = [...(short ? [short.usage] : []), `${name}:${json}`]
  return new DocferryError(
    'DOCFERRY_USAGE',
    `stage ${name}: ${message}; write it as ${forms.join(' or ')} (docferry stages ${name} shows its options)`,
    { stage: name }
  )
}
