/** Results as Markdown: a row for each side that docferry is compared with. */
import { availableParallelism } from 'node:os'
import type { Goal, Result, Sample } from './measure.ts'

const head = [
  'what',
  'input',
  'against',
  'its s',
  'our s',
  'time',
  'its CPU us/doc',
  'our CPU us/doc',
  'CPU',
  'its peak MB',
  'our peak MB',
  'memory',
  'goal',
  'met'
]

/** Ratios are ours divided by the other's: below 1 is better. */
export function tableOf(results: readonly Result[]): string {
  return markdown(head, results.flatMap(rowsOf))
}

/** What the servers took beside the clients, and how much of what the machine has that is. */
export function serversTable(results: readonly Result[]): string {
  const cores = availableParallelism()
  const rows = results.flatMap(({ race, ours, others }) =>
    [...others, { name: 'docferry', sample: ours }].flatMap(({ name, sample }) => {
      if (typeof sample === 'string' || sample.documents !== race.documents) return []
      const { seconds, cpuSeconds, serverCpuSeconds = NaN } = sample
      const all = cpuSeconds + serverCpuSeconds
      const figures = [seconds, cpuSeconds, serverCpuSeconds, all / cores].map(each => number(each, 2))
      return [[race.name, name, ...figures]]
    })
  )
  return markdown(['what', 'by', 's', 's of client CPU', "s of the servers' CPU", `all CPU / ${cores} cores, s`], rows)
}

export function markdown(names: readonly string[], rows: readonly (readonly string[])[]): string {
  return [names, names.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n')
}

function rowsOf({ race, ours, others }: Result): string[][] {
  return others.map(({ name, sample, goal }) => {
    const start = [race.name, race.input, name]
    const why = typeof ours === 'string' ? ours : typeof sample === 'string' ? sample : undefined
    if (why !== undefined || typeof ours === 'string' || typeof sample === 'string')
      return [...start, ...head.slice(start.length, -2).map(() => '-'), goalText(goal), `not run: ${why}`]
    const ratios = {
      time: secondsPerDocument(ours) / secondsPerDocument(sample),
      cpu: cpuPerDocument(ours) / cpuPerDocument(sample),
      memory: (ours.megabytes ?? NaN) / (sample.megabytes ?? NaN)
    }
    return [
      ...start,
      sample.documents === race.documents ? number(sample.seconds, 2) : `${number(sample.seconds, 2)} (${sample.documents} documents)`,
      number(ours.seconds, 2),
      number(ratios.time, 3),
      number(cpuPerDocument(sample), 1),
      number(cpuPerDocument(ours), 1),
      number(ratios.cpu, 3),
      number(sample.megabytes, 0),
      number(ours.megabytes, 0),
      number(ratios.memory, 3),
      goalText(goal),
      verdict(ratios, goal)
    ]
  })
}

function secondsPerDocument({ seconds, documents }: Sample): number {
  return seconds / documents
}

function cpuPerDocument({ cpuSeconds, documents }: Sample): number {
  return (cpuSeconds * 1e6) / documents
}

function number(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits)
}

const words: Readonly<Record<keyof Goal, string>> = { time: 'time', cpu: 'CPU', memory: 'memory' }
const parts = ['time', 'cpu', 'memory'] as const

function goalText(goal: Goal = {}): string {
  const texts = parts.flatMap(part => (goal[part] === undefined ? [] : [`${words[part]} <= ${number(goal[part], 3)}`]))
  return texts.length > 0 ? texts.join(', ') : '-'
}

function verdict(ratios: Readonly<Record<keyof Goal, number>>, goal: Goal = {}): string {
  const asked = parts.filter(part => goal[part] !== undefined)
  if (asked.length === 0) return '-'
  // What could not be measured is not met.
  const missed = asked.filter(part => !(ratios[part] <= goal[part]!))
  return missed.length === 0 ? 'yes' : `NO: ${missed.map(part => words[part]).join(', ')}`
}
