/** Documents that change while they are verified. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openTarget } from '../../lib/open.ts'
import type { Endpoint } from '../../lib/open.ts'
import { defaultRules } from '../../lib/types.ts'
import type { Document, Encoded } from '../../lib/types.ts'
import type { VerifyOptions } from '../../lib/verify/options.ts'
import { verify } from '../../lib/verify/verify.ts'
import { subjects } from '../conformance/subjects.ts'
import { migrate } from '../support/migrate.ts'
import { scriptedSource } from '../support/scripted-connector.ts'
import { uniqueName } from '../support/servers.ts'
import { hooked, storeWith } from './hooked.ts'

const others: readonly Document[] = [
  { _id: 'y', n: 1 },
  { _id: 'z', n: 1 }
]
const withX = (n: number): Document[] => [{ _id: 'x', n }, ...others]

describe('verify: documents that change meanwhile', function () {
  this.timeout(30_000)
  let stateDir: string
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-verify-'))
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  const check = async (options: VerifyOptions) => {
    const report = await verify({ stateDir, settleMs: 1, ...options })
    return { report, collection: report.collections[0]!, kinds: report.collections[0]!.examples.map(({ kind, id }) => [kind, id]) }
  }

  it('are no difference where both sides are equal when they are looked at again', async () => {
    const target = storeWith(withX(1))
    const source = storeWith(withX(2))
    const onLook = (): void => void target.collections.get('a')!.set('x', { _id: 'x', n: 2 })
    const { report, collection } = await check({ source: hooked(source, {}), target: hooked(target, { onLook }) })
    expect(report.state).to.equal('equal')
    expect(collection).to.include({ equal: 3, changedMeanwhile: 1, different: 0 })
    expect(report.differences).to.equal(undefined)
  })

  it('are no difference where they became equal before the second reading', async () => {
    const target = storeWith(withX(1))
    const onRead = (time: number): void => {
      if (time === 2) target.collections.get('a')!.set('x', { _id: 'x', n: 2 })
    }
    const { report, collection } = await check({ source: hooked(storeWith(withX(2)), {}), target: hooked(target, { onRead }) })
    expect(report.state).to.equal('equal')
    expect(collection).to.include({ equal: 3, changedMeanwhile: 1 })
  })

  it('are none where they were removed on both sides', async () => {
    const [source, target] = [storeWith(withX(1)), storeWith(withX(2))]
    const onLook = (): void => {
      source.collections.get('a')!.delete('x')
      target.collections.get('a')!.delete('x')
    }
    const { report, collection } = await check({ source: hooked(source, { onLook }), target: hooked(target, {}) })
    expect(report.state).to.equal('equal')
    expect(collection).to.include({ equal: 2, changedMeanwhile: 1 })
  })

  it('are named as they are when they have settled', async () => {
    const [source, target] = [storeWith(withX(1)), storeWith(withX(2))]
    const onLook = (time: number): void => {
      if (time === 1) target.collections.get('a')!.delete('x')
    }
    const { kinds } = await check({ source: hooked(source, {}), target: hooked(target, { onLook }) })
    expect(kinds).to.deep.equal([['missing', 'x']])
  })

  it('are named as changing where they never settle', async () => {
    const [source, target] = [storeWith(withX(0)), storeWith(withX(-1))]
    let looks = 0
    const onLook = (time: number): void => {
      looks = time
      source.collections.get('a')!.set('x', { _id: 'x', n: time })
    }
    const { report, kinds, collection } = await check({ source: hooked(source, { onLook }), target: hooked(target, {}) })
    expect(looks).to.equal(3)
    expect(kinds).to.deep.equal([['changing', 'x']])
    expect(report.state).to.equal('different')
    expect(collection).to.include({ changing: 1, different: 0, equal: 2 })
  })

  it('are looked at once where nothing changes', async () => {
    let looks = 0
    const onLook = (time: number): void => void (looks = time)
    const { kinds } = await check({ source: hooked(storeWith(withX(1)), { onLook }), target: hooked(storeWith(withX(2)), {}) })
    expect(kinds).to.deep.equal([['different', 'x']])
    expect(looks).to.equal(1)
  })

  it('are looked at in the target alone where the source can only be read', async () => {
    const target = storeWith(withX(1))
    const onLook = (): void => void target.collections.get('a')!.set('x', { _id: 'x', n: 2 })
    const source = scriptedSource({ collections: { a: withX(2) } })
    const { report, collection } = await check({ source, target: hooked(target, { onLook }) })
    expect(collection).to.include({ equal: 3, changedMeanwhile: 1 })
    expect(report.notes.join()).to.include("can't be looked at once more")
  })

  it('are told of only as far as a stage leaves an id to look for', async () => {
    const source = storeWith([{ _id: 'x', n: 1 }])
    const target = storeWith([{ _id: 'new-x', n: 2 }])
    const stages = [(document: Document): Document => ({ ...document, _id: `new-${document._id}` })]
    const { kinds } = await check({ source: hooked(source, {}), target: hooked(target, {}), stages })
    expect(kinds).to.deep.equal([['different', 'new-x']])
  })

  for (const provider of ['couchdb', 'firestore', 'dynamodb'] as const) {
    it(`are recognised in ${provider}`, async () => {
      const name = uniqueName('settle')
      const subject = await subjects[provider]()
      try {
        const target = await subject.endpoint()
        const source = storeWith(withX(1), name)
        await migrate({ source: hooked(source, {}), target })
        source.collections.get(name)!.set('x', { _id: 'x', n: 2 })
        const equal = await check({
          source: hooked(source, { onLook: () => put(target, name, { _id: 'x', n: 2 }) }),
          target,
          collections: [name]
        })
        expect(equal.report.state).to.equal('equal')
        expect(equal.collection).to.include({ equal: 3, changedMeanwhile: 1 })

        const onLook = (time: number) => put(target, name, { _id: 'x', n: 100 + time })
        source.collections.get(name)!.set('x', { _id: 'x', n: 3 })
        const changing = await check({ source: hooked(source, { onLook }), target, collections: [name] })
        expect(changing.kinds).to.deep.equal([['changing', 'x']])
      } finally {
        await subject.remove([name])
      }
    })
  }
})

async function put(endpoint: Endpoint, collection: string, document: Document): Promise<void> {
  const target = await openTarget(endpoint, { rules: defaultRules })
  try {
    await target.prepare(collection, { create: false })
    const encoded = target.encode(collection, document) as Encoded
    expect(await target.write(collection, [encoded], { onConflict: 'overwrite', fresh: false })).to.deep.equal(['written'])
  } finally {
    await target.close()
  }
}
