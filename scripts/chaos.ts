/**
 * `npm run chaos`: kill migrations between all kinds of places at random moments, resume them, and see that nothing is lost or doubled.
 *
 *   npm run chaos -- [--kills 50] [--documents 3000] [--seed 1] [--only couchdb]
 */
import { parseArgs } from 'node:util'
import { killAndResume } from '../spec/support/chaos.ts'
import type { ChaosResult } from '../spec/support/chaos.ts'
import { nameOf, pairs } from '../spec/support/chaos-ends.ts'
import { stopServers } from '../spec/support/servers.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    documents: { type: 'string', default: '3000' },
    seed: { type: 'string', default: String(Date.now() % 1e6) },
    only: { type: 'string', default: '' }
  }
})
const options = { kills: Number(values.kills), documents: Number(values.documents), seed: Number(values.seed) }
const columns = ['runs', 'kills', 'documents', 'lost', 'doubled', 'changed', 'done twice', 'most left', 'of'] as const

function line(name: string, cells: readonly (string | number)[]): string {
  return `${name.padEnd(30)}${cells.map((cell, at) => String(cell).padStart((columns[at]?.length ?? 0) + 2)).join('')}`
}

function cellsOf({ runs, kills, documents, lost, doubled, changed, doneTwice, left }: ChaosResult): (string | number)[] {
  const most = left.reduce((found, each) => (each.documents > found.documents ? each : found), { documents: 0, most: undefined })
  return [runs, kills, documents, lost, doubled, changed, doneTwice, most.documents, most.most ?? '-']
}

console.log(`--seed ${options.seed} --documents ${options.documents} --kills ${options.kills}\n`)
console.log(line('pair', columns))
try {
  for (const pair of pairs.filter(each => nameOf(each).includes(values.only))) {
    const result = await killAndResume(pair, options)
    console.log(line(nameOf(pair), cellsOf(result)))
    for (const problem of result.problems) console.log(`  ${problem}`)
    if (result.lost + result.doubled + result.changed + result.problems.length > 0) process.exitCode = 1
  }
} finally {
  await stopServers()
}
