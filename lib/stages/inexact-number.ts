/** Numbers in the options of stages: what a number of JavaScript does not keep is never rounded in silence. */
import { Decimal, numberFromText } from '../values/index.ts'
import type { Value } from '../values/index.ts'

/**
 * @param text a number as JSON has it
 * @returns why it can't stand there, and what can; undefined where it can
 */
export function inexactNumber(text: string): string | undefined {
  let value: Value
  try {
    value = numberFromText(text)
  } catch (error) {
    if (error instanceof SyntaxError) return error.message
    throw error
  }
  if (typeof value !== 'bigint' && !(value instanceof Decimal)) return undefined
  const kind = typeof value === 'bigint' ? '$numberLong' : '$numberDecimal'
  return `${text} is more than a number keeps exactly here; where a value of a document is wanted write {"${kind}": "${text}"}, for a name put it in quotes`
}
