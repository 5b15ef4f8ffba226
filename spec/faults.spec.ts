/** The fault table: whole commands over networks and servers that fail. Nothing is lost, nothing hangs, and no secret is told. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { reportOf } from './faults/command.ts'
import { couchdbEnd, dynamodbEnd, firestoreEnd } from './faults/ends.ts'
import type { DatabaseName, FaultyEnd } from './faults/ends.ts'
import { behind, documents, expectDone, FaultRun, refusals } from './faults/fault-run.ts'
import {
  couchdbFaults,
  couchdbLasting,
  dynamodbFaults,
  dynamodbLasting,
  firestoreFaults,
  firestoreLasting,
  isStall
} from './faults/faults.ts'
import type { LastingFault, PassingFault, Role } from './faults/faults.ts'
import { printTable } from './faults/table.ts'
import type { FaultRow } from './faults/table.ts'
import { fill } from './support/chaos-ends.ts'
import { uniqueName } from './support/servers.ts'

const rows: FaultRow[] = []

after(() => printTable(rows))

function describeFaults<Request, Action extends { readonly type: string }>(
  name: DatabaseName,
  open: (folder: string) => Promise<FaultyEnd<Request, Action>>,
  passing: readonly PassingFault<Action>[],
  lasting: readonly LastingFault<Action>[]
): void {
  describe(`faults: ${name}`, function () {
    this.timeout(60_000)
    let end: FaultyEnd<Request, Action>
    let folder: string
    const made = ['docs']

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'docferry-faults-'))
      writeFileSync(join(folder, 'docs.ndjson'), documents.map(document => `${JSON.stringify(document)}\n`).join(''))
      end = await open(folder)
      await end.place.remove(['docs'])
      await fill(end.place, { docs: documents }, folder)
    })
    beforeEach(() => {
      end.proxy.faults.length = 0
      end.proxy.forget()
    })
    after(async () => {
      await end.proxy.close()
      await end.place.remove(made)
      rmSync(folder, { recursive: true, force: true })
    })
    const makeRun = (role: Role, isStalled = false, alwaysAgain = 0): FaultRun<Request, Action> => {
      const collection = role === 'target' ? uniqueName('faults') : 'docs'
      if (role === 'target') made.push(collection)
      return new FaultRun({ end, role, folder, collection, rows, isStalled, alwaysAgain })
    }
    /** From the first request on that matches, nothing listens. */
    const addGoingDown = (match: (request: Request) => boolean): { down?: Promise<void> } => {
      const state: { down?: Promise<void> } = {}
      const goDown = (request: Request): boolean => {
        if (match(request)) state.down ??= end.proxy.goDown()
        return false
      }
      end.proxy.faults.push({ match: goDown, action: undefined as never })
      return state
    }

    for (const role of ['source', 'target'] as const) {
      const middle = (run: FaultRun<Request, Action>): ((request: Request) => boolean) =>
        behind(role === 'target' ? 1 : end.readsBefore, run.isHit)

      for (const { name: fault, actions, of = role, lasts, alwaysAgain } of passing) {
        if (of !== role) continue
        it(`${role}: ${fault}: all documents arrive`, async () => {
          const run = makeRun(role, isStall(actions), alwaysAgain)
          const match = middle(run)
          end.proxy.faults.push(...actions.map(action => ({ match, action, times: lasts ? Infinity : 1 })))
          expectDone(await run.begin())
          expect(end.proxy.hits, 'requests hit').to.be.at.least(actions.length)
          await run.check(fault, { isNoticed: !lasts })
        })
      }

      it(`${role}: server gone for a moment: all documents arrive`, async () => {
        const run = makeRun(role)
        const state = addGoingDown(middle(run))
        let back: Promise<void> | undefined
        const onSaid = (said: string): void => {
          if (state.down && refusals(said) > 1) back ??= state.down.then(() => end.proxy.comeBack())
        }
        // A gRPC channel waits by itself before it asks again.
        const ended = await run.begin({ onSaid, attempts: 40 })
        expectDone(ended)
        expect(back, 'it came back').to.not.equal(undefined)
        expect(run.refusals, 'connections refused').to.be.at.least(1)
        await run.check('server gone for a moment')
      })

      for (const { name: fault, action, error, firstRead } of lasting) {
        it(`${role}: ${fault}: the run ends with ${error}, and goes on`, async () => {
          const run = makeRun(role)
          const isSingle = role === 'source' && firstRead !== undefined
          if (isSingle) end.proxy.faults.push({ match: run.isHit, action: firstRead })
          const match = behind(isSingle ? 0 : 1, run.isHit)
          const state = action ? {} : addGoingDown(match)
          if (action) end.proxy.faults.push({ match, action, times: Infinity })
          const ended = await (error === 'DOCFERRY_AUTH' ? run.beginAsProcess() : run.begin())
          expect(ended.code, ended.stderr).to.equal(10)
          expect(reportOf(ended)).to.deep.include({ exitCode: 10, state: 'failed' })
          expect(reportOf(ended).error?.code).to.equal(error)
          expect(end.proxy.faults, 'faults that have not happened').to.have.lengthOf(1)
          end.proxy.faults.length = 0
          if (!action) expect(run.refusals, 'connections refused').to.be.at.least(1)
          await state.down
          if (state.down) await end.proxy.comeBack()
          expectDone(await run.resume())
          await run.check(fault)
        })
      }
    }
  })
}

describeFaults('couchdb', couchdbEnd, couchdbFaults, couchdbLasting)
describeFaults('dynamodb', dynamodbEnd, dynamodbFaults, dynamodbLasting)
describeFaults('firestore', firestoreEnd, firestoreFaults, firestoreLasting)
