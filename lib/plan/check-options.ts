import { presetNames } from '../config/presets.ts'
import { DocferryError } from '../errors.ts'
import { onConflicts, onIncompatibles, typeModes, undoModes } from '../types.ts'

/** More threads than this are a mistake. */
export const mostWorkers = 64

/** The options of a run that plain JavaScript can get wrong without anybody noticing. */
export interface CheckedOptions {
  readonly source?: unknown
  readonly target?: unknown
  readonly collections?: unknown
  readonly preset?: unknown
  readonly rename?: unknown
  readonly onConflict?: unknown
  readonly onIncompatible?: unknown
  readonly types?: unknown
  readonly undo?: unknown
  readonly subcollections?: unknown
  readonly parallel?: unknown
  readonly workers?: unknown
  readonly sample?: unknown
  readonly dryRun?: unknown
  readonly maxRate?: unknown
  readonly maxWriteUnits?: unknown
  readonly maxReadUnits?: unknown
  readonly maxRetries?: unknown
  readonly maxFailures?: unknown
}

/** @throws {DocferryError} DOCFERRY_CONFIG, naming every issue at once */
export function checkOptions(options: CheckedOptions): void {
  const issues = issuesOf(options)
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', issues.join('; '))
}

/** What is wrong with them, one by one. */
export function issuesOf(options: CheckedOptions): string[] {
  const { collections, preset, rename, parallel, workers } = options
  const issues: string[] = []
  for (const end of ['source', 'target'] as const) {
    if (end in options && !isEndpoint(options[end])) issues.push(`${end}: an address, or an object with connector and options, is wanted`)
  }
  if (collections !== undefined && !(Array.isArray(collections) && collections.every(isName)))
    issues.push('collections: a list of names is wanted')
  if (preset !== undefined && !(presetNames as readonly unknown[]).includes(preset))
    issues.push(`preset: one of ${presetNames.join(', ')} is wanted`)
  if (rename !== undefined && !(isObject(rename) && Object.values(rename).every(isName)))
    issues.push('rename: an object of names is wanted')
  for (const [name, words] of Object.entries({
    onConflict: onConflicts,
    onIncompatible: onIncompatibles,
    types: typeModes,
    undo: undoModes
  })) {
    const word = options[name as keyof CheckedOptions]
    if (word !== undefined && !(words as readonly unknown[]).includes(word)) issues.push(`${name}: one of ${words.join(', ')} is wanted`)
  }
  if (parallel !== undefined && !(Number.isInteger(parallel) && (parallel as number) > 0))
    issues.push('parallel: a whole number from 1 is wanted')
  if (workers !== undefined && workers !== 'auto' && !(isCount(workers) && (workers as number) <= mostWorkers))
    issues.push(`workers: a whole number from 0 to ${mostWorkers}, or auto, is wanted`)
  for (const name of ['maxRate', 'maxWriteUnits', 'maxReadUnits'] as const) {
    if (options[name] !== undefined && !isPositive(options[name])) issues.push(`${name}: a number over 0 is wanted`)
  }
  const { maxRetries, maxFailures, sample, dryRun, subcollections } = options
  if (subcollections !== undefined && typeof subcollections !== 'boolean') issues.push('subcollections: true or false is wanted')
  if (maxRetries !== undefined && !isCount(maxRetries)) issues.push('maxRetries: a whole number from 0 is wanted')
  if (maxFailures !== undefined && !isCount(maxFailures) && !(isObject(maxFailures) && isShare(maxFailures['share'])))
    issues.push('maxFailures: a whole number from 0 is wanted, or { share } over 0 and up to 1')
  if (sample !== undefined && !isShare(sample)) issues.push('sample: a share over 0 and up to 1 is wanted')
  if (sample !== undefined && !dryRun) issues.push('sample: only a dry run can look at a part')
  return issues
}

function isEndpoint(value: unknown): boolean {
  if (typeof value === 'string') return true
  return isObject(value) && (typeof value['connector'] === 'string' || isObject(value['connector'])) && isObject(value['options'])
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && Number.isFinite(value)
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0
}

function isShare(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && value <= 1
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}
