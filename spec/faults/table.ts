/** What the fault suite found, as a table for people: DOCFERRY_PRINT=1 prints it. */

export interface FaultRow {
  readonly end: string
  readonly fault: string
  readonly documents: number
  /** Requests that the fault hit; a dash where it was none of requests. */
  readonly hit: number | undefined
  readonly lost: number
  readonly doubled: number
  /** Sent more than once; undefined where that can't be told. */
  readonly rewritten: number | undefined
  /** Of each command, in order: a run, and what went on with it. */
  readonly exitCodes: readonly (number | null)[]
  readonly seconds: number
}

const columns = ['end', 'fault', 'documents', 'hit', 'lost', 'doubled', 'sent again', 'exit', 'seconds'] as const

export function printTable(rows: readonly FaultRow[]): void {
  if (!process.env['DOCFERRY_PRINT']) return
  const cells = rows.map(row => [
    row.end,
    row.fault,
    String(row.documents),
    String(row.hit ?? '-'),
    String(row.lost),
    String(row.doubled),
    String(row.rewritten ?? '-'),
    row.exitCodes.join(', '),
    row.seconds.toFixed(1)
  ])
  const widths = columns.map((name, column) => Math.max(name.length, ...cells.map(row => row[column]!.length)))
  for (const row of [columns, ...cells]) {
    process.stdout.write(
      `${row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ')}\n`
    )
  }
}
