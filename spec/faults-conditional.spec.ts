/** The fault table of conditional writes to DynamoDB: what a table holds stays as it is, and what it lacks arrives, whatever fails. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Document } from '../lib/types.ts'
import { reportOf } from './faults/command.ts'
import { dynamodbEnd } from './faults/ends.ts'
import type { HttpEnd } from './faults/ends.ts'
import { behind, count, documents, FaultRun, wholeCounts } from './faults/fault-run.ts'
import { conditionalFaults, idOf, isStall } from './faults/faults.ts'
import { printTable } from './faults/table.ts'
import type { FaultRow } from './faults/table.ts'
import { fill } from './support/chaos-ends.ts'
import type { FaultAction, ProxyRequest } from './support/fault-proxy.ts'
import { uniqueName } from './support/servers.ts'

/**
 * Not the same as those of the source: in every other hundred, which is a transaction, so that of those whose answers are lost some were
 * cancelled and some were not.
 */
const isHeld = ({ _id }: { readonly _id: string }): boolean => /[02468]\d4$/.test(_id)
const held = documents.filter(isHeld).map((document): Document => ({ ...document, text: 'held before' }))
const expected = documents.map(document => held.find(({ _id }) => _id === document._id) ?? document)
const written = count - held.length
/** A transaction that meets a document that is there goes again without it; transactions are smaller after a fault, and may all meet some. */
const alwaysAgain = written

const ends = {
  skip: { exitCode: 0, state: 'done', totals: { ...wholeCounts, written, skipped: held.length } },
  fail: { exitCode: 40, state: 'partial', totals: { ...wholeCounts, written, failed: held.length } }
} as const

const isTransaction = ({ operation }: ProxyRequest): boolean => operation === 'TransactWriteItems'

describe('faults: dynamodb, written with conditions', function () {
  this.timeout(60_000)
  let end: HttpEnd
  let folder: string
  const made: string[] = []
  const rows: FaultRow[] = []

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-faults-'))
    writeFileSync(join(folder, 'docs.ndjson'), documents.map(document => `${JSON.stringify(document)}\n`).join(''))
    end = await dynamodbEnd(folder)
  })
  beforeEach(() => {
    end.proxy.faults.length = 0
    end.proxy.forget()
  })
  after(async () => {
    printTable(rows)
    await end.proxy.close()
    await end.place.remove(made)
    rmSync(folder, { recursive: true, force: true })
  })

  const makeRun = async (onConflict: 'skip' | 'fail', isStalled = false): Promise<FaultRun<ProxyRequest, FaultAction>> => {
    const collection = uniqueName('faults')
    made.push(collection)
    await fill(end.place, { [collection]: held }, folder)
    const args = ['--on-conflict', onConflict]
    return new FaultRun({ end, role: 'target', folder, collection, rows, args, expected, alwaysAgain, isStalled })
  }

  for (const onConflict of ['skip', 'fail'] as const) {
    for (const { name, actions } of conditionalFaults(isHeld)) {
      it(`${onConflict}: ${name}: what is there stays, all others arrive`, async () => {
        const run = await makeRun(onConflict, isStall(actions))
        const match = behind(1, isTransaction)
        end.proxy.faults.push(...actions.map(action => ({ match, action })))
        const ended = await run.begin()
        expect(reportOf(ended), ended.stderr).to.deep.include(ends[onConflict])
        expect(end.proxy.hits, 'transactions hit').to.equal(actions.length)
        await run.check(`${onConflict}: ${name}`)
      })
    }

    it(`${onConflict}: a document that no transaction takes: its own put is throttled, its answer is lost, and it arrives`, async () => {
      const run = await makeRun(onConflict)
      const isAlone = ({ operation }: ProxyRequest): boolean => operation === 'PutItem'
      const holdsOdd = (request: ProxyRequest): boolean => isTransaction(request) && idsIn(request).includes('doc-00500')
      end.proxy.faults.push(
        { match: holdsOdd, times: Infinity, action: { type: 'dynamodbError', name: 'ValidationException' } },
        { match: isAlone, action: { type: 'dynamodbError', name: 'ThrottlingException' } },
        { match: isAlone, action: { type: 'loseAnswer' } }
      )
      const ended = await run.begin()
      expect(reportOf(ended), ended.stderr).to.deep.include(ends[onConflict])
      expect(end.proxy.faults, 'faults that have not happened').to.have.lengthOf(1)
      expect(end.proxy.requests.filter(isAlone).map(idsIn)).to.deep.equal([['doc-00500'], ['doc-00500'], ['doc-00500']])
      await run.check(`${onConflict}: a put alone`)
    })
  }
})

function idsIn({ body }: ProxyRequest): (string | undefined)[] {
  const asked = JSON.parse(body.toString()) as { TransactItems?: { Put?: object }[] }
  // Whether the table writes is asked by removing what nobody has.
  return (asked.TransactItems?.flatMap(({ Put }) => Put ?? []) ?? [asked]).map(idOf)
}
