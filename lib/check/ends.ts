/** Both ends: whether they answer, who we are there, what time it is there, and what works on them. */
import { inspectEnd, openSource, openTarget } from '../open.ts'
import type { Inspection } from '../contracts/inspection.ts'
import type { Source, Target } from '../types.ts'
import { listed } from './checklist.ts'
import type { Checklist, Found } from './checklist.ts'
import type { CheckOptions } from './options.ts'

/** What connectors say of a right that can't be asked, and nothing new once it is tried. */
const probeAdvice = /^--probe-write tries it[^;]*(?:; )?/

export interface OpenedEnds {
  readonly source?: Source | undefined
  readonly target?: Target | undefined
}

export interface BothEnds {
  readonly source: Source
  readonly target: Target
}

/** Servers tell whole seconds, and some a second late. */
const leastSkewMs = 2_000

/** From so much on, times in logs of both sides can't be compared any more. */
const noticeableSkewMs = 60_000

/** To be closed by the caller. */
export async function openEnds(options: CheckOptions, list: Checklist): Promise<OpenedEnds> {
  const { environment, signal, logger, types = 'natural', onIncompatible } = options
  const context = { environment, signal, logger }
  const source = await list.look('source.answers', 'the source answers', async () => {
    const opened = await openSource(options.source!, { ...context, subcollections: options.subcollections })
    list.report.source = opened.location
    return [{ detail: placeOf(opened) }, opened]
  })
  const target = await list.look('target.answers', 'the target answers', async () => {
    const rules = { types, escapeNames: onIncompatible === 'escape' }
    const opened = await openTarget(options.target!, { ...context, rules, readOnly: true })
    list.report.target = opened.location
    return [{ detail: placeOf(opened) }, opened]
  })
  return { source, target }
}

function placeOf({ location: { provider, address } }: Source | Target): string {
  return `${provider} ${address}`
}

/**
 * @param collections by their names at this end; undefined where only reading tells
 * @returns undefined where there is nothing to tell
 */
export async function lookAtEnd(
  end: 'source' | 'target',
  options: CheckOptions,
  list: Checklist,
  collections: readonly string[] | undefined
): Promise<Inspection | undefined> {
  const { environment, signal, logger } = options
  const endpoint = options[end]!
  const asked = { end, signal, ...(collections && { collections }) }
  const found = await list.look(`${end}.server`, `what answers at the ${end}`, async () => {
    const inspection = await inspectEnd(endpoint, asked, { environment, signal, logger })
    const version = inspection?.version
    return [
      { ...(version === undefined ? { result: 'skipped', detail: 'it has none, or does not tell' } : { detail: version }) },
      inspection
    ]
  })
  if (!found) return undefined
  if (found.clock) list.add(`${end}.clock`, `the ${end}'s clock agrees with ours`, clockFound(found.clock, found.mostSkewMs))
  for (const [index, { what, isGranted, advice }] of (found.rights ?? []).entries()) {
    const isTried = end === 'target' && options.probeWrite === true && isGranted === 'unknown'
    const told = isTried ? advice?.replace(probeAdvice, '') : advice
    const tip = told ? { advice: told } : {}
    const result: Found =
      isGranted === true
        ? {}
        : isGranted === 'unknown'
          ? { result: 'skipped', detail: isTried ? 'the write below tries it' : 'it can not be asked without trying', ...tip }
          : { result: 'failed', code: 'DOCFERRY_PERMISSION', ...tip }
    list.add(`${end}.rights.${index + 1}`, `the ${end} lets us ${what}`, result)
  }
  const { live = [] } = found
  list.add(
    `${end}.live`,
    `nothing else works on the ${end}`,
    live.length === 0 ? { detail: 'as far as the server tells' } : { result: 'warning', detail: listed(live, 10, '; ') }
  )
  list.note(found.notes)
  return found
}

/** How far the server's clock is outside of the time in which it was read; a `Date` header tells whole seconds. */
export function clockFound({ server, before, after }: NonNullable<Inspection['clock']>, mostSkewMs?: number): Found {
  const ahead = server.getTime() - after.getTime()
  const behind = before.getTime() - (server.getTime() + 999)
  const skewMs = Math.max(0, ahead, behind)
  const seconds = `${(skewMs / 1000).toFixed(1)} s ${ahead > behind ? 'ahead of' : 'behind'} ours`
  const advice = "set this machine's clock by a time server (NTP)"
  if (mostSkewMs !== undefined && skewMs >= mostSkewMs)
    return {
      result: 'failed',
      code: 'DOCFERRY_CHECK',
      detail: `${seconds}; the service refuses requests from ${mostSkewMs / 60_000} minutes on`,
      advice
    }
  if (skewMs > noticeableSkewMs) return { result: 'warning', detail: seconds, advice }
  return { detail: skewMs < leastSkewMs ? 'within two seconds' : seconds }
}
