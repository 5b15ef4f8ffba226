/** Runs two ways of doing the same thing in turn, and compares the medians. */

export interface Contest {
  readonly name: string
  /** What the bare loop is. */
  readonly bareName: string
  readonly documents: number
  /** Called before each run of either, unmeasured. */
  readonly prepare?: () => Promise<void>
  /** @returns how many documents went through: it must be all of them */
  readonly bare: () => Promise<number>
  readonly ours: () => Promise<number>
}

export interface Result {
  readonly name: string
  readonly bareName: string
  readonly bare: Sample
  readonly ours: Sample
}

/** Medians. */
export interface Sample {
  readonly documentsPerSecond: number
  /** CPU time of this process, user and system, in microseconds. */
  readonly cpuPerDocument: number
}

export async function measure(contest: Contest, runs: number): Promise<Result> {
  const samples = { bare: [] as Sample[], ours: [] as Sample[] }
  for (let run = 0; run <= runs; run++) {
    for (const side of ['bare', 'ours'] as const) {
      await contest.prepare?.()
      globalThis.gc?.()
      const cpu = process.cpuUsage()
      const start = process.hrtime.bigint()
      const count = await contest[side]()
      const seconds = Number(process.hrtime.bigint() - start) / 1e9
      const { user, system } = process.cpuUsage(cpu)
      if (count !== contest.documents) throw new Error(`${contest.name}, ${side}: ${count} documents of ${contest.documents}`)
      // The first round warms up: the code is compiled, the server's caches are filled.
      if (run > 0) samples[side].push({ documentsPerSecond: count / seconds, cpuPerDocument: (user + system) / count })
    }
  }
  const { name, bareName } = contest
  return { name, bareName, bare: medians(samples.bare), ours: medians(samples.ours) }
}

function medians(samples: readonly Sample[]): Sample {
  return {
    documentsPerSecond: median(samples.map(({ documentsPerSecond }) => documentsPerSecond)),
    cpuPerDocument: median(samples.map(({ cpuPerDocument }) => cpuPerDocument))
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return ((sorted[(sorted.length - 1) >> 1] as number) + (sorted[sorted.length >> 1] as number)) / 2
}

/** Markdown. */
export function tableOf(results: readonly Result[]): string {
  const round = (value: number): string => String(Math.round(value))
  const rows = results.map(({ name, bareName, bare, ours }) => [
    name,
    bareName,
    round(bare.documentsPerSecond),
    round(ours.documentsPerSecond),
    (ours.documentsPerSecond / bare.documentsPerSecond).toFixed(2),
    bare.cpuPerDocument.toFixed(1),
    ours.cpuPerDocument.toFixed(1),
    (ours.cpuPerDocument / bare.cpuPerDocument).toFixed(2)
  ])
  const head = ['what', 'bare loop', 'bare docs/s', 'docferry docs/s', 'speed ratio', 'bare CPU us/doc', 'docferry CPU us/doc', 'CPU ratio']
  return [head, head.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n')
}
