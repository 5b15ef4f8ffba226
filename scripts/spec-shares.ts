/** Which spec files run side by side: shares that take about as long as each other. */

/** What the slowest files take by themselves; `npm test -- --times` lists them. Where it is out of date, one process waits for the other. */
export const measured: Readonly<Record<string, number>> = {
  pairs: 30,
  faults: 52,
  chaos: 43,
  'cli/resume': 34,
  readme: 29,
  'conformance/connectors': 25,
  'pairs-values': 14,
  'formats/json-elements': 18,
  'work/worked': 16,
  'cli/startup': 8,
  'packing-couchdb': 6,
  'kernel/kernel': 5,
  packing: 4,
  'formats/packing-lines': 3,
  'connectors/couchdb/reader': 19,
  'conformance/network': 19,
  'faults-conditional': 14,
  'cli/undo': 14,
  'cli/plan': 13,
  'cli/docferry': 12,
  'cli/retry': 11,
  'known-losses': 10,
  'cli/verify-after': 10,
  'connectors/firestore/reader': 9,
  'faults-files': 9,
  rate: 9,
  'verify/pairs': 8,
  'cli/repair': 8,
  'cli/repair-databases': 8,
  'connectors/firestore/client': 8,
  'values/canonical': 3,
  'receipt-pairs': 7,
  'servers/run-mocha': 9,
  'plan/boundaries': 6,
  streams: 6,
  'repair/databases': 5,
  'undo/servers': 5,
  'servers/launch': 5,
  'cli/verify': 5,
  retry: 4,
  'resume-files': 4,
  'formats/round-trip': 4,
  'verify/verify': 3,
  'cli/receipt': 3,
  'connectors/dynamodb/reader': 2,
  'undo/undo': 2,
  'verify/read-in-thread': 2,
  'verify/receipts': 2
}
const otherwise = 0.2
/** Less is done sooner by a single process, which starts each server once. */
const worthSharing = 20

/**
 * @param files `spec/run.spec.ts`
 * @returns 1 to `count` shares, none of them empty, each in the order of `files`
 */
export function shareOut(files: readonly string[], count: number, seconds: Readonly<Record<string, number>> = measured): string[][] {
  const secondsOf = (file: string): number => seconds[file.replace(/^.*?\bspec\//, '').replace(/\.spec\.ts$/, '')] ?? otherwise
  const all = files.reduce((sum, file) => sum + secondsOf(file), 0)
  const shares = Array.from({ length: all < worthSharing ? 1 : count }, () => ({ seconds: 0, files: new Set<string>() }))
  for (const file of files.toSorted((a, b) => secondsOf(b) - secondsOf(a))) {
    const lightest = shares.reduce((found, share) => (share.seconds < found.seconds ? share : found))
    lightest.files.add(file)
    lightest.seconds += secondsOf(file)
  }
  return shares.map(share => files.filter(file => share.files.has(file))).filter(share => share.length > 0)
}
