import { expect } from 'chai'
import type { DocferryError } from '../../lib/errors.ts'
import { checkAddresses, checkProofs, TargetsApart } from '../../lib/plan/same-place.ts'
import type { PlaceProof, Source, Target } from '../../lib/types.ts'

type Ends = Parameters<typeof checkProofs>[1]

interface Script {
  readonly server?: string
  readonly collections?: Readonly<Record<string, string>>
  /** One each time that it is asked; the last stays. */
  readonly processes?: readonly (string | undefined)[]
  readonly names?: readonly string[]
}

describe('a collection is not copied onto itself', () => {
  let asked: string[]
  beforeEach(() => {
    asked = []
  })

  const proof = (who: string, { server, collections = {}, processes, names }: Script): PlaceProof => {
    let times = 0
    return {
      called: 'database',
      ...(server !== undefined && { server }),
      collection: async name => {
        asked.push(`${who} ${name}`)
        return collections[name]
      },
      ...(processes && { process: async () => processes[Math.min(times++, processes.length - 1)] }),
      ...(names && { names: async () => names }),
      adviceForCopy: 'Give the copy another name'
    }
  }
  const end = (address: string, script: Script | undefined, provider: 'couchdb' | 'dynamodb' = 'couchdb') => ({
    location: { provider, address, identity: address } as const,
    proof: script && proof(address, script)
  })
  const same = { server: 's', collections: { a: 'proof of a', b: 'proof of b' } }
  const pair = (name: string, target = name) => ({ name, target })
  const told = async (ends: Ends, collections = [pair('a')]): Promise<string | undefined> => {
    try {
      checkAddresses(collections, ends)
      await checkProofs(collections, ends, {})
      return undefined
    } catch (error) {
      expect((error as DocferryError).code).to.equal('DOCFERRY_SAME_PLACE')
      return (error as DocferryError).message
    }
  }

  it('under another address either, by what its server says; the error tells how that is known', async () => {
    expect(await told({ source: end('here', same), target: end('there', same) })).to.equal(
      'source and target are the same place: couchdb there, collection a, is the same database as a of here, under another address: its server says so. Name another target, or give every collection another name with --rename a=NEW. Give the copy another name'
    )
  })

  it('is by the name in the target, also where the source has it as another', async () => {
    const behindProxy = { server: 's', collections: { users: 'proof of a' } }
    expect(await told({ source: end('here', behindProxy), target: end('there', same) }, [pair('users', 'a')])).to.include(
      'the same database as users of here'
    )
    expect(await told({ source: end('here', same), target: end('there', same) }, [pair('a', 'new')])).to.equal(undefined)
  })

  it('nor onto another one that is read', async () => {
    const swapped = [pair('a', 'b'), pair('b', 'a')]
    expect(await told({ source: end('here', undefined), target: end('here', undefined) }, swapped)).to.include('collection b')
    expect(await told({ source: end('here', same), target: end('there', same) }, swapped)).to.include('under another address')
    expect(await told({ source: end('here', same), target: end('there', same) }, [pair('a', 'b')])).to.equal(undefined)
  })

  for (const [what, here, there] of [
    ['servers that call themselves otherwise', same, { ...same, server: 'other' }],
    ['an end that says nothing', same, undefined],
    ['the other end, which says nothing', undefined, same]
  ] as const) {
    it(`asks nothing of ${what}`, async () => {
      expect(await told({ source: end('here', here), target: end('there', there) })).to.equal(undefined)
      expect(asked).to.deep.equal([])
    })
  }

  it('asks nothing of other providers', async () => {
    expect(await told({ source: end('here', same), target: end('there', same, 'dynamodb') })).to.equal(undefined)
    expect(asked).to.deep.equal([])
  })

  it('asks the source nothing about collections that are not in the target yet', async () => {
    expect(await told({ source: end('here', same), target: end('there', { server: 's' }) })).to.equal(undefined)
    expect(asked).to.deep.equal(['there a'])
  })

  it('takes two collections for two where either says nothing, or another thing', async () => {
    expect(await told({ source: end('here', { server: 's' }), target: end('there', same) })).to.equal(undefined)
    const other = { server: 's', collections: { a: 'made later' } }
    expect(await told({ source: end('here', other), target: end('there', same) })).to.equal(undefined)
  })

  for (const [what, here, there, isSame] of [
    ['two servers of which one is a copy', ['p'], ['q'], false],
    ['one server', ['p'], ['p'], true],
    ['a server that was started in between', ['p', 'q'], ['q'], true],
    ['servers of which one does not tell', ['p'], [undefined], true]
  ] as const) {
    it(`${isSame ? 'refuses' : 'lets be'} ${what}`, async () => {
      const ends = { source: end('here', { ...same, processes: here }), target: end('there', { ...same, processes: there }) }
      expect((await told(ends)) !== undefined).to.equal(isSame)
    })
  }

  it('looks at each of several sources', async () => {
    const parts: Source['parts'] = [
      { source: end('elsewhere', { server: 'x' }), collections: [{ name: 'a', as: 'a' }] },
      { source: end('here', same), collections: [{ name: 'b', as: 'people' }] },
      { source: end('stream', undefined), collections: null }
    ]
    const source = { location: { provider: 'several', address: 'both', identity: 'both' } as const, parts }
    const target: Pick<Target, 'location' | 'proof'> = end('there', same)
    expect(await told({ source, target }, [pair('a'), pair('people')])).to.equal(undefined)
    expect(await told({ source, target }, [pair('a'), pair('people', 'b')])).to.include('the same database as b of here')
    const unknown = await checkProofs(null, { source, target }, { rename: { people: 'b' } }).catch((error: unknown) => error)
    expect(unknown).to.include({ code: 'DOCFERRY_SAME_PLACE' })
  })

  describe('nor written twice, of several targets', () => {
    const enterBoth = async (here: Script, there: Script, names: readonly [string, string] = ['a', 'a']) => {
      const apart = new TargetsApart()
      await apart.enter(end('here', here), names[0], { isMissing: true })
      return apart.enter(end('there', there), names[1], { isMissing: true }).catch((error: Error) => error.message)
    }

    it('where it is in neither yet, and one running server answers', async () => {
      const script = { server: 's', processes: ['p'] }
      expect(await enterBoth(script, script)).to.include('two targets are the same place: couchdb there, collection a')
      expect(await enterBoth(script, script, ['a', 'b'])).to.deep.equal([])
    })

    for (const [what, collections, names] of [
      ['another collection has the name there that one has here', { old: 'proof of another' }, ['old']],
      ['what is here is not there by that name', {}, []],
      ['what is there is not here by that name', { old: 'proof of old', more: 'proof of more' }, ['more']]
    ] as const) {
      it(`but not for sure where a proxy renames: ${what}`, async () => {
        const script = { server: 's', processes: ['p'] }
        const here = { ...script, collections: { old: 'proof of old' }, names: ['old'] }
        expect(await enterBoth(here, { ...script, collections, names })).to.deep.equal([
          "couchdb there and here may be one place: of a collection that is in neither yet (a) that can't be told; the run looks once it has made it, and refuses where it is so"
        ])
        expect(await enterBoth(here, here)).to.include('two targets are the same place')
      })
    }

    it('but by a copy of the server', async () => {
      expect(await enterBoth({ server: 's', processes: ['p'] }, { server: 's', processes: ['q'] })).to.deep.equal([])
    })

    it('where nothing tells, which is said once for two targets', async () => {
      const apart = new TargetsApart()
      const notes: string[] = []
      for (const name of ['a', 'b'])
        for (const address of ['here', 'there']) notes.push(...(await apart.enter(end(address, {}), name, { isMissing: true })))
      expect(notes).to.deep.equal([
        "couchdb there and here may be one place: of a collection that is in neither yet (a) that can't be told; the run looks once it has made it, and refuses where it is so"
      ])
    })
  })
})
