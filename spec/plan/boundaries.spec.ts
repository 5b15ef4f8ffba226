/** Documents walked across each limit: plan and server say the same on both sides. With DOCFERRY_PRINT=1 the table is printed. */
import { expect } from 'chai'
import { boundaries, boundaryTable, providerTitles } from './boundaries.ts'
import type { Answer } from './boundaries.ts'
import { planBeyond, serverBeyond } from './support/boundary.ts'
import type { Boundary } from './support/boundary.ts'
import { couchdbServer, pouchdbServer } from './support/couchdb-server.ts'
import { dynamodbServer } from './support/dynamodb-server.ts'
import { openEnds } from './support/ends.ts'
import type { Ends, RawServer } from './support/ends.ts'
import { firestoreServer } from './support/firestore-server.ts'

const openServer: Readonly<Record<Boundary['provider'], () => Promise<RawServer>>> = {
  dynamodb: dynamodbServer,
  firestore: firestoreServer,
  couchdb: couchdbServer,
  pouchdb: pouchdbServer
}

const answers: Answer[] = []

describe('plan: boundaries', () => {
  after(() => {
    if (process.env['DOCFERRY_PRINT'] === '1') process.stderr.write(`\n${boundaryTable(answers)}\n`)
  })

  for (const [provider, title] of Object.entries(providerTitles)) {
    describe(title, () => {
      let ends: Ends | undefined
      before(async function () {
        this.timeout(60_000)
        ends = await openEnds(await openServer[provider as Boundary['provider']]())
      })
      after(() => ends?.close())

      const ask = async (boundary: Boundary, side: Answer['side']) => {
        const { subject } = boundary[side]
        const { word: plan, code } = ends!.plan(subject)
        const server = await ends!.server(subject)
        answers.push({ boundary, side, plan, server })
        return { plan, server, code }
      }

      for (const boundary of boundaries.filter(one => one.provider === provider)) {
        it(`${title}: ${boundary.at.what} is taken by plan and server`, async () => {
          expect(await ask(boundary, 'at')).to.deep.equal({ plan: 'taken', server: 'taken', code: undefined })
        })

        it(`${title}: ${boundary.beyond.what} is ${beyond(boundary)}`, async () => {
          const { code } = boundary
          expect(await ask(boundary, 'beyond')).to.deep.equal({
            plan: planBeyond(boundary),
            server: serverBeyond(boundary, ends!.isEmulator),
            code
          })
        })
      }
    })
  }
})

/** `refused by both`, and what else may be. */
function beyond(boundary: Boundary): string {
  const plan = planBeyond(boundary)
  if (boundary.laxer !== undefined) return `${plan} by plan, as the service documents, though the emulator takes it`
  const server = serverBeyond(boundary, true)
  if (plan === server) return `${plan} by both`
  return `${plan} by plan, and ${server} by the server`
}
