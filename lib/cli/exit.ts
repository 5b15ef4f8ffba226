/** How a command ends: the words for an error, and the exit code. */
import { describeError, DocferryError, errorTable, exitCodeOf } from '../errors.ts'
import { shortenId } from '../report.ts'
import type { RunReport } from '../report.ts'
import { adviceFor } from './advice.ts'
import type { Mask } from './secrets.ts'
import { safe } from './text.ts'

export interface ErrorView {
  /** With stack and cause (`--log-level debug`). */
  readonly debug?: boolean
  readonly mask: Mask
  /** The command that goes on with what the error has stopped, where there is one and nothing else names it. */
  readonly goOn?: string | undefined
}

/** An error for people. Unknown errors are told by message and code only: inspected, a vendor's may print a private key. */
export function errorLines(error: unknown, { debug = false, mask, goOn }: ErrorView): string[] {
  const known = error instanceof DocferryError
  const code = known ? error.code : 'DOCFERRY_BUG'
  const { exit, meaning } = errorTable[code]
  const message = known ? error.message : `${error instanceof Error ? `${error.name}: ` : ''}${describeError(error)}`
  const place = known ? placeOf(error) : ''
  const tip = adviceFor(code, error, goOn)
  const lines = [
    `docferry: ${mask(message)}`,
    `  ${code}: ${meaning} (exit ${exit})`,
    ...(place === '' ? [] : [`  where: ${mask(place)}`]),
    ...(tip === undefined ? [] : [`  try: ${tip}`]),
    ...(debug || code === 'DOCFERRY_BUG' ? details(error).map(mask) : [])
  ]
  return lines.flatMap(line => line.split('\n')).map(safe)
}

function placeOf({ context }: DocferryError): string {
  const { provider, collection, id, where, stage } = context
  return [provider, collection && `collection ${collection}`, id && `document ${shortenId(id)}`, where, stage && `stage ${stage}`]
    .filter(Boolean)
    .join(', ')
}

/** The frames of the stack, without the message, and the chain of causes by their messages. */
function details(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const frames = (error.stack ?? '').split('\n').filter(line => /^\s+at /.test(line))
  const cause = error.cause === undefined ? [] : [`  caused by: ${describeError(error.cause)}`, ...details(error.cause)]
  return [...frames, ...cause]
}

/** What a program is told of an error. */
export interface ErrorJson {
  readonly code: string
  readonly message: string
  readonly meaning: string
  readonly try?: string
  readonly provider?: string
  readonly collection?: string
  readonly id?: string
  readonly where?: string
  readonly stage?: string
}

export function errorJson(error: unknown, mask: Mask, goOn?: string): ErrorJson {
  const code = error instanceof DocferryError ? error.code : 'DOCFERRY_BUG'
  const context = error instanceof DocferryError ? error.context : {}
  const message = error instanceof DocferryError ? error.message : describeError(error)
  return { code, message: mask(message), meaning: errorTable[code].meaning, try: adviceFor(code, error, goOn), ...context }
}

export function exitCodeFor(outcome: { readonly error?: unknown; readonly report?: Readonly<RunReport> }): number {
  if (outcome.error !== undefined) return exitCodeOf(outcome.error)
  return outcome.report?.state === 'partial' ? errorTable.DOCFERRY_DEAD_LETTERS.exit : 0
}
