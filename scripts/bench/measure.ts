/** Runs several ways of doing the same thing in turn, and compares the medians. */

/** One run of one side. */
export interface Sample {
  readonly documents: number
  readonly seconds: number
  /** User and system, of the client alone. NaN where the machine does not tell. */
  readonly cpuSeconds: number
  /** Peak resident memory; missing of what runs in this process, which holds more than the side. */
  readonly megabytes?: number
  /** What the servers took for it, where it was looked at. */
  readonly serverCpuSeconds?: number
}

export interface Side {
  readonly name: string
  readonly run: () => Promise<Sample>
  /** Where it does less than the others, how many documents it must answer; seconds and CPU are then compared by the document. */
  readonly documents?: number
  /** Why it can't take part, in words. */
  readonly missing?: string
}

/** At most so much of the other's: ours divided by theirs. */
export interface Goal {
  readonly time?: number
  readonly cpu?: number
  readonly memory?: number
}

export interface Opponent extends Side {
  readonly goal?: Goal
}

/** The same job, done by all sides with the same input. */
export interface Race {
  readonly name: string
  /** What goes in, in words. */
  readonly input: string
  readonly documents: number
  readonly ours: Side
  readonly others: readonly Opponent[]
  /** One round more in front of those that count: code is compiled, a server's caches are filled. */
  readonly warmsUp?: boolean
  /** Called before each run of each side, unmeasured. */
  readonly prepare?: () => Promise<void>
  /** Called behind the first round, unmeasured. @throws where the sides have not made the same */
  readonly check?: () => Promise<void>
}

/** A race of two in this process. */
export interface Contest {
  readonly name: string
  /** What the bare loop is. */
  readonly bareName: string
  readonly documents: number
  readonly prepare?: () => Promise<void>
  /** @returns how many documents went through: it must be all of them */
  readonly bare: () => Promise<number>
  readonly ours: () => Promise<number>
  readonly goal?: Goal
}

export function raceOf({ name, bareName, documents, prepare, bare, ours, goal }: Contest, input: string): Race {
  return {
    name,
    input,
    documents,
    prepare,
    warmsUp: true,
    ours: { name: 'docferry', run: () => inThisProcess(ours) },
    others: [{ name: bareName, run: () => inThisProcess(bare), goal }]
  }
}

/**
 * Young garbage of the side before is not this one's. Collecting all would throw away what V8 has optimised for objects of which none is alive just then:
 * whoever makes its client anew each time would pay for compiling in each run, and whoever keeps it never.
 *
 * @param work gives how many documents went through
 */
export async function inThisProcess(work: () => Promise<number>): Promise<Sample> {
  globalThis.gc?.({ type: 'minor' })
  const cpu = process.cpuUsage()
  const start = performance.now()
  const documents = await work()
  const seconds = (performance.now() - start) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  return { documents, seconds, cpuSeconds: (user + system) / 1e6 }
}

/** The medians of each side; of a side that could not take part, why. */
export interface Result {
  readonly race: Pick<Race, 'name' | 'input' | 'documents'>
  readonly ours: Sample | string
  readonly others: readonly { readonly name: string; readonly sample: Sample | string; readonly goal: Goal | undefined }[]
}

export async function measure(race: Race, runs: number): Promise<Result> {
  const { name, input, documents, ours, others, warmsUp = false } = race
  const sides: readonly Side[] = [...others, ours]
  const samples = new Map(sides.map(side => [side, [] as Sample[]]))
  for (let run = warmsUp ? 0 : 1; run <= runs; run++) {
    for (const side of sides) {
      if (side.missing !== undefined) continue
      await race.prepare?.()
      const sample = await side.run()
      const wanted = side.documents ?? documents
      if (sample.documents !== wanted) throw new Error(`${name}, ${side.name}: ${sample.documents} documents of ${wanted}`)
      if (run > 0) samples.get(side)!.push(sample)
    }
    if (run <= 1) await race.check?.()
  }
  const told = (side: Side): Sample | string => side.missing ?? medians(samples.get(side)!)
  return {
    race: { name, input, documents },
    ours: told(ours),
    others: others.map(other => ({ name: other.name, sample: told(other), goal: other.goal }))
  }
}

function medians(samples: readonly Sample[]): Sample {
  const { documents } = samples[0]!
  const of = (value: (sample: Sample) => number): number => median(samples.map(value))
  const ofSome = (key: 'megabytes' | 'serverCpuSeconds'): number | undefined =>
    samples.some(sample => sample[key] !== undefined) ? of(sample => sample[key] ?? NaN) : undefined
  return {
    documents,
    seconds: of(sample => sample.seconds),
    cpuSeconds: of(sample => sample.cpuSeconds),
    megabytes: ofSome('megabytes'),
    serverCpuSeconds: ofSome('serverCpuSeconds')
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}
