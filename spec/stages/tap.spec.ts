import {
  appendFileSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { makeStage } from '../../lib/stages/make-stage.ts'
import { tap } from '../../lib/stages/tap.ts'
import type { TapOptions } from '../../lib/stages/tap.ts'
import type { DocferryError } from '../../lib/errors.ts'
import type { CheckedRun, Json, Stage, StageRecords, StageRun, StageState } from '../../lib/types.ts'
import { Double, Timestamp } from '../../lib/values/index.ts'
import type { Value } from '../../lib/values/index.ts'

const stateOf = (stage: Stage): StageState => stage.state as StageState

describe('stage tap', () => {
  let folder: string
  let stages: Stage[]

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-tap-'))
    stages = []
  })

  afterEach(async () => {
    for (const stage of stages) await stage.close?.(false)
    rmSync(folder, { recursive: true })
  })

  function make(options: TapOptions): Stage {
    const stage = tap(options, { folder, target: 'main' })
    stages.push(stage)
    return stage
  }

  async function opened(options: TapOptions, run: Partial<StageRun> = {}): Promise<Stage> {
    const stage = make(options)
    await stage.open?.({ dryRun: false, resumed: false, ...run })
    return stage
  }

  async function checked(options: TapOptions, run: Partial<CheckedRun> = {}): Promise<string> {
    try {
      await make(options).check?.({ dryRun: false, resumed: false, ends: [], files: new Set(), ...run })
      return 'fits'
    } catch (error) {
      return `${(error as DocferryError).code} ${(error as Error).message}`
    }
  }

  /** As a run keeps them. */
  function recordsOfRun(): StageRecords {
    const records: Json[] = []
    return { list: () => JSON.parse(JSON.stringify(records)) as Json[], add: record => void records.push(record) }
  }

  function look(stage: Stage, documents: readonly Record<string, Value>[], collection = 'c', partition = 'p'): void {
    for (const [index, fields] of documents.entries()) {
      const document = { _id: `${index}`, ...fields }
      expect(stage.apply(document, { collection, partition })).to.equal(document)
    }
  }

  const file = (name: string): string => readFileSync(join(folder, name), 'utf8')

  describe('count', () => {
    it('tells how often each value came, the commonest first', () => {
      const stage = make({ count: ['status', 'a.b', 'l[*].k'] })
      look(stage, [
        { status: 'open', a: { b: 1 }, l: [{ k: 1 }, { k: 2 }] },
        { status: 'closed', a: { b: new Double(1) }, l: [{ k: 1 }] },
        { status: 'open', a: { b: null } }
      ])
      expect(stage.notes?.()).to.deep.equal([
        '3 documents',
        'status: "open" 2, "closed" 1',
        'a.b: 1 2, null 1',
        'l[*].k: 1 2, 2 1, (missing) 1'
      ])
    })

    it('shows no long text, no other kinds of values, and nothing of a field that looks like a secret', () => {
      const stage = make({ count: ['v', 'api_keys.openai', 'user_password'] })
      const secrets = { api_keys: { openai: 'sk-hush' }, user_password: 'hush' }
      look(stage, [
        { v: 'hush'.repeat(20), ...secrets },
        { v: { hush: 1 }, ...secrets },
        { v: new Timestamp(1, 0), ...secrets },
        { v: ['hush'], ...secrets }
      ])
      const notes = stage.notes!().join('\n')
      expect(notes).to.include('v: (long text) 1, (a map) 1, (a time) 1, (a list) 1')
      expect(notes).to.include('api_keys.openai: (text, not shown) 4')
      expect(notes).to.not.include('hush')
    })

    it('tells a bounded number of values apart, and loses no count', () => {
      const stage = make({ count: ['n'] })
      look(
        stage,
        Array.from({ length: 1000 }, (_, n) => ({ n: n % 200 }))
      )
      const [, note = ''] = stage.notes!()
      expect(note).to.match(/^n: \(others\) 750, 0 5, .*, 31 more values 155$/)
      expect(JSON.stringify(stateOf(stage).take('p')).length).to.be.below(1000)
    })

    it('shows no control characters', () => {
      const stage = make({ count: ['v'] })
      look(stage, [{ v: '\u001b[2J' }])
      expect(stage.notes!()[1]).to.equal('v: "\\u001b[2J" 1')
    })
  })

  it('looks only at what matches', () => {
    const stage = make({ where: { n: { $gt: 1 } }, count: ['n'] })
    look(stage, [{ n: 1 }, { n: 2 }, {}])
    expect(stage.notes?.()).to.deep.equal(['1 document matched', 'n: 2 1'])
  })

  it('counts on from the pieces that it is given back', () => {
    const before = make({ count: ['s', 'n'] })
    look(before, [
      { s: 'a', n: 5 },
      { s: 'b:c', n: 12 }
    ])
    const first = stateOf(before).take('p')!
    look(before, [{ s: 'a', n: 5 }], 'c', 'q')
    const second = stateOf(before).take('q')!
    expect(stateOf(before).take('q')).to.equal(undefined)
    const after = make({ count: ['s', 'n'] })
    for (const piece of [second, first]) stateOf(after).restore(JSON.parse(JSON.stringify(piece)) as Json)
    expect(after.notes?.()).to.deep.equal(['3 documents', 's: "a" 2, "b:c" 1', 'n: 5 2, 12 1'])
  })

  describe('file', () => {
    it('holds each document as an export does, for its owner only', async () => {
      const stage = await opened({ file: 'aside.ndjson' })
      look(stage, [{ n: new Double(1), at: new Timestamp(0, 0) }, { big: 9007199254740993n }])
      await stage.close?.(true)
      expect(file('aside.ndjson')).to.equal(
        '{"_id":"0","n":1.0,"at":{"$date":"1970-01-01T00:00:00Z"}}\n{"_id":"1","big":9007199254740993}\n'
      )
      expect(statSync(join(folder, 'aside.ndjson')).mode & 0o777).to.equal(0o600)
      expect(stage.notes!()[0]).to.equal(`2 documents, written to ${join(folder, 'aside.ndjson')}`)
    })

    it('holds what came before a mark when the mark is taken', async () => {
      const stage = await opened({ file: 'aside.ndjson' })
      look(stage, [{ a: 1 }])
      expect(file('aside.ndjson')).to.equal('')
      stateOf(stage).take('p')
      expect(file('aside.ndjson')).to.equal('{"_id":"0","a":1}\n')
    })

    it('does not keep a long stretch in memory', async () => {
      const stage = await opened({ file: 'aside.ndjson' })
      look(
        stage,
        Array.from({ length: 200 }, () => ({ text: 'é'.repeat(1000) }))
      )
      expect(file('aside.ndjson').split('\n').length).to.be.above(100)
      await stage.close?.(true)
      expect(file('aside.ndjson').split('\n')).to.have.length(201)
    })

    it('is not written in a dry run', async () => {
      const stage = await opened({ file: 'aside.ndjson' }, { dryRun: true })
      look(stage, [{ a: 1 }])
      await stage.close?.(true)
      expect(existsSync(join(folder, 'aside.ndjson'))).to.equal(false)
      expect(stage.notes!()[0]).to.include('1 document; nothing is written to')
    })

    it('is never replaced or added to unless somebody says so', async () => {
      writeFileSync(join(folder, 'aside.ndjson'), 'old')
      const error = await opened({ file: 'aside.ndjson' }).catch((reason: Error) => reason)
      expect(error).to.include({ code: 'DOCFERRY_OUTPUT_EXISTS' })
      expect(file('aside.ndjson')).to.equal('old')

      const adding = await opened({ file: 'aside.ndjson', existing: 'append' })
      look(adding, [{}])
      await adding.close?.(true)
      expect(file('aside.ndjson')).to.equal('old\n{"_id":"0"}\n')

      const replacing = await opened({ file: 'aside.ndjson', existing: 'overwrite' })
      look(replacing, [{}])
      await replacing.close?.(true)
      expect(file('aside.ndjson')).to.equal('{"_id":"0"}\n')
    })

    describe('in a run that is gone on with', () => {
      const path = (): string => join(folder, 'aside.ndjson')
      let records: StageRecords
      beforeEach(() => {
        records = recordsOfRun()
      })

      /** A first process of the run, and what it leaves. */
      async function begun(options: TapOptions, documents: readonly Record<string, Value>[]): Promise<string> {
        const stage = await opened(options, { records })
        look(stage, documents)
        await stage.close?.(false)
        return file('aside.ndjson')
      }
      async function goneOn(options: TapOptions): Promise<Stage> {
        const stage = await opened(options, { resumed: true, records })
        look(stage, [{ again: 1 }])
        await stage.close?.(true)
        return stage
      }
      const again = '{"_id":"0","again":1}\n'

      for (const existing of ['refuse', 'append', 'overwrite'] as const) {
        const options: TapOptions = { file: 'aside.ndjson', existing }

        it(`goes on behind the last whole line of its own file (${existing})`, async () => {
          if (existing === 'append') writeFileSync(path(), 'mine')
          const before = await begun(options, [{ a: 1 }, { text: 'é'.repeat(100_000) }])
          appendFileSync(path(), `{"_id":"cut ${'off'.repeat(50_000)}`)
          expect(await checked(options, { resumed: true, records })).to.equal('fits')
          const { notes } = await goneOn(options)
          expect(file('aside.ndjson')).to.equal(before + again)
          expect(notes?.()).to.have.length(1)
        })

        it(`takes what another process was killed over while it made it (${existing})`, async () => {
          for (const kept of [1, 2, 3]) {
            rmSync(path(), { force: true })
            if (existing === 'append') writeFileSync(path(), 'mine\n')
            const whole = recordsOfRun()
            const stage = await opened(options, { records: whole })
            look(stage, [{ a: 1 }])
            const empty = file('aside.ndjson')
            await stage.close?.(false)
            // What was said before it was done.
            truncateSync(path(), empty.length)
            records = recordsOfRun()
            for (const record of whole.list().slice(0, kept)) records.add(record)
            await goneOn(options)
            expect(file('aside.ndjson'), `${kept} records`).to.equal(empty + again)
          }
        })

        for (const content of ['{"accounts":["one line, no newline"]}', 'torn', 'a line\nand no newline', '']) {
          it(`does with another file what it was told (${existing}, ${JSON.stringify(content)})`, async () => {
            await begun({ ...options, file: 'other.ndjson' }, [{ a: 1 }]).catch(() => undefined)
            writeFileSync(path(), content)
            const error = await goneOn(options).catch((reason: Error) => reason)
            if (existing === 'refuse') expect(error).to.include({ code: 'DOCFERRY_OUTPUT_EXISTS' })
            const kept = existing === 'refuse' ? content : existing === 'overwrite' || content === '' ? again : `${content}\n${again}`
            expect(file('aside.ndjson')).to.equal(kept)
          })
        }
      }

      it('leaves a file alone that has taken the place of its own', async () => {
        const own = await begun({ file: 'aside.ndjson' }, [{ a: 1 }])
        rmSync(path())
        writeFileSync(join(folder, 'held'), '')
        writeFileSync(path(), `${own}mine`)
        expect(await checked({ file: 'aside.ndjson' }, { resumed: true, records })).to.match(/^DOCFERRY_OUTPUT_EXISTS/)
        expect(await goneOn({ file: 'aside.ndjson' }).catch((reason: Error) => reason)).to.include({ code: 'DOCFERRY_OUTPUT_EXISTS' })
        expect(file('aside.ndjson')).to.equal(`${own}mine`)
      })

      it('leaves its own file alone where somebody has written it anew', async () => {
        await begun({ file: 'aside.ndjson' }, [{ a: 1 }])
        writeFileSync(path(), '{"mine":1}\n{"no newline')
        expect(await checked({ file: 'aside.ndjson' }, { resumed: true, records })).to.match(/^DOCFERRY_OUTPUT_EXISTS/)
        expect(await goneOn({ file: 'aside.ndjson' }).catch((reason: Error) => reason)).to.include({ code: 'DOCFERRY_OUTPUT_EXISTS' })
        expect(file('aside.ndjson')).to.equal('{"mine":1}\n{"no newline')
      })

      it('keeps what somebody has added to its file, also without the end of the line', async () => {
        const own = await begun({ file: 'aside.ndjson' }, [{ a: 1 }])
        appendFileSync(path(), '{"mine":1}')
        await goneOn({ file: 'aside.ndjson' })
        expect(file('aside.ndjson')).to.equal(`${own}{"mine":1}\n${again}`)
      })

      it('leaves a link alone that leads to another file by now', async () => {
        await begun({ file: 'aside.ndjson' }, [{ a: 1 }])
        rmSync(path())
        writeFileSync(join(folder, 'mine'), 'mine')
        symlinkSync(join(folder, 'mine'), path())
        expect(await goneOn({ file: 'aside.ndjson' }).catch((reason: Error) => reason)).to.include({ code: 'DOCFERRY_OUTPUT_EXISTS' })
        expect(file('mine')).to.equal('mine')
      })

      for (const existing of ['refuse', 'append', 'overwrite'] as const) {
        it(`says that its own file was emptied (${existing})`, async () => {
          await begun({ file: 'aside.ndjson', existing }, [{ a: 1 }])
          truncateSync(path(), 0)
          const { notes } = await goneOn({ file: 'aside.ndjson', existing })
          expect(file('aside.ndjson')).to.equal(again)
          expect(notes?.()[1]).to.include('aside.ndjson was emptied since the run began: what was written into it before is not in it')
        })
      }

      it('says of a copy that it is another file, and goes on with its own once that is back', async () => {
        const own = await begun({ file: 'aside.ndjson' }, [{ a: 1 }])
        renameSync(path(), join(folder, 'away'))
        copyFileSync(join(folder, 'away'), path())
        const refusal = /^DOCFERRY_OUTPUT_EXISTS .*a copy is another file.*move that one back/
        expect(await checked({ file: 'aside.ndjson' }, { resumed: true, records })).to.match(refusal)
        const error = (await goneOn({ file: 'aside.ndjson' }).catch((reason: Error) => reason)) as DocferryError
        expect(`${error.code} ${error.message}`).to.match(refusal)
        renameSync(join(folder, 'away'), path())
        await goneOn({ file: 'aside.ndjson' })
        expect(file('aside.ndjson')).to.equal(own + again)
      })

      it('begins its file anew where it is gone, and says so', async () => {
        await begun({ file: 'aside.ndjson' }, [{ a: 1 }])
        rmSync(path())
        const { notes } = await goneOn({ file: 'aside.ndjson' })
        expect(file('aside.ndjson')).to.equal(again)
        expect(notes?.()[1]).to.include('aside.ndjson was moved, removed or replaced since the run began')
      })
    })

    describe('is looked at before the run begins', () => {
      it('and refused where it is there, also in a dry run, and for each collection that is known', async () => {
        writeFileSync(join(folder, 'b.ndjson'), 'mine')
        expect(await checked({ file: 'a.ndjson' })).to.equal('fits')
        expect(await checked({ file: 'b.ndjson' }, { dryRun: true })).to.match(/^DOCFERRY_OUTPUT_EXISTS file: .*b\.ndjson exists already/)
        expect(await checked({ file: '{collection}.ndjson' }, { collections: ['a', 'b'] })).to.match(/^DOCFERRY_OUTPUT_EXISTS/)
        expect(await checked({ file: '{collection}.ndjson' }, { collections: ['a', 'c'] })).to.equal('fits')
        for (const existing of ['append', 'overwrite'] as const) expect(await checked({ file: 'b.ndjson', existing })).to.equal('fits')
        expect(file('b.ndjson')).to.equal('mine')
        expect(existsSync(join(folder, 'a.ndjson'))).to.equal(false)
      })

      it('and refused where it can not be made', async () => {
        mkdirSync(join(folder, 'sub'))
        expect(await checked({ file: 'missing/a.ndjson' })).to.match(
          /^DOCFERRY_CONFIG file: .* cannot be written \(ENOENT\): make the folder .*missing first/
        )
        expect(await checked({ file: 'sub', existing: 'append' })).to.match(
          /^DOCFERRY_CONFIG file: .* cannot be written \(EISDIR\): it is a folder/
        )
        writeFileSync(join(folder, 'text'), '')
        expect(await checked({ file: 'text/a.ndjson' })).to.match(/^DOCFERRY_CONFIG file: .* cannot be written \(ENOTDIR\): .*no folder/)
      })

      it('and refused where the run reads or writes', async () => {
        mkdirSync(join(folder, 'src'))
        writeFileSync(join(folder, 'src', 'a.ndjson'), 'mine')
        const at = (name: string): CheckedRun['ends'] => [
          { provider: 'file', address: name, identity: `file:${realpathSync(folder)}/${name}` }
        ]
        for (const ends of [at('src'), at('src/a.ndjson')])
          expect(await checked({ file: './src/a.ndjson', existing: 'overwrite' }, { ends })).to.match(
            /^DOCFERRY_CONFIG .*where the run reads/
          )
        expect(await checked({ file: 'srca.ndjson' }, { ends: at('src') })).to.equal('fits')
      })

      it('and refused where it is another name of a file that the run reads or writes, also one whose collection only reading tells', async () => {
        const place = realpathSync(folder)
        mkdirSync(join(folder, 'src', 'deep'), { recursive: true })
        writeFileSync(join(folder, 'src', 'deep', 'a.ndjson'), 'mine')
        linkSync(join(folder, 'src', 'deep', 'a.ndjson'), join(folder, 'link.ndjson'))
        for (const existing of ['append', 'overwrite'] as const) {
          for (const name of ['src', 'src/deep/a.ndjson']) {
            const ends: CheckedRun['ends'] = [{ provider: 'file', address: name, identity: `file:${place}/${name}` }]
            expect(await checked({ file: 'link.ndjson', existing }, { ends })).to.match(/^DOCFERRY_CONFIG .*where the run reads/)
            const run = { dryRun: false, resumed: false }
            const stage = make({ file: '{collection}.ndjson', existing })
            await stage.check?.({ ...run, ends, files: new Set() })
            await stage.open?.(run)
            expect(() => stage.apply({ _id: '1' }, { collection: 'link' })).to.throw('where the run reads')
          }
        }
        expect(file('src/deep/a.ndjson')).to.equal('mine')
      })

      it('and refused where another stage writes it under another name', async () => {
        const files = new Set<string>()
        writeFileSync(join(folder, 'a.ndjson'), '')
        linkSync(join(folder, 'a.ndjson'), join(folder, 'b.ndjson'))
        expect(await checked({ file: 'a.ndjson', existing: 'append' }, { files })).to.equal('fits')
        expect(await checked({ file: 'b.ndjson', existing: 'append' }, { files })).to.match(/^DOCFERRY_CONFIG .*by another stage/)
      })

      it('and refused where another stage of the run writes it', async () => {
        const files = new Set<string>()
        expect(await checked({ file: 'a.ndjson', existing: 'append' }, { files })).to.equal('fits')
        expect(await checked({ file: './a.ndjson', existing: 'append' }, { files })).to.match(/^DOCFERRY_CONFIG .*by another stage/)
      })
    })

    for (const existing of ['refuse', 'append', 'overwrite'] as const) {
      it(`is never written by two stages at once (${existing})`, async () => {
        const first = await opened({ file: 'aside.ndjson' })
        look(first, [{}])
        stateOf(first).take('p')
        const error = await opened({ file: 'aside.ndjson', existing }).catch((reason: Error) => reason)
        expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
        expect((error as Error).message).to.include('by another stage')
        await first.close?.(true)
        expect(file('aside.ndjson')).to.equal('{"_id":"0"}\n')
      })
    }

    it('is not written by whoever applies the stage outside of a run', () => {
      look(make({ file: 'aside.ndjson', existing: 'overwrite' }), [{}])
      look(make({ file: '{collection}.ndjson' }), [{}])
      expect(readdirSync(folder)).to.deep.equal([])
    })

    it('can be one for each target', async () => {
      const stage = await opened({ file: 'aside-{target}.ndjson' })
      await stage.close?.(true)
      expect(readdirSync(folder)).to.deep.equal(['aside-main.ndjson'])
      expect(() => tap({ file: '{target}' }, { folder })).to.throw('{target} stands for the name of the target in a pipeline')
    })

    it('may be a device', async function () {
      if (!existsSync('/dev/null')) this.skip()
      for (const existing of ['append', 'overwrite'] as const) {
        const stage = await opened({ file: '/dev/null', existing }, { records: recordsOfRun() })
        look(stage, [{}])
        await stage.close?.(true)
      }
    })

    it('is named for each collection of which something was written, also by a process before', async () => {
      const records = recordsOfRun()
      const at = (name: string): string => join(folder, `${name}.ndjson`)
      const first = await opened({ file: '{collection}.ndjson' }, { records })
      expect(first.notes!()[0]).to.equal('0 documents; no file was written')
      look(first, [{}], 'a')
      await first.close?.(false)
      const second = await opened({ file: '{collection}.ndjson' }, { records, resumed: true })
      look(second, [{}], 'b')
      expect(second.notes!()[0]).to.equal(`1 document, written to ${at('a')}, ${at('b')}`)
      for (const name of ['c', 'd', 'e', 'f']) look(second, [{}], name)
      expect(second.notes!()[0]).to.match(/e\.ndjson and 1 more$/)
    })

    it('is named for each collection that a dry run knows', async () => {
      const stage = make({ file: '{collection}.ndjson' })
      const run = { dryRun: true, resumed: false }
      await stage.check?.({ ...run, ends: [], files: new Set(), collections: ['a', 'b'] })
      await stage.open?.(run)
      expect(stage.notes!()[0]).to.equal(
        `0 documents; nothing is written to ${join(folder, 'a.ndjson')}, ${join(folder, 'b.ndjson')} in a dry run`
      )
    })

    it('can be one for each collection, in the same folder', async () => {
      const stage = await opened({ file: '{collection}.ndjson' })
      look(stage, [{}], 'users')
      look(stage, [{}], '../up')
      look(stage, [{}], '..')
      await stage.close?.(true)
      for (const name of ['users', '%2E%2E%2Fup', '%2E%2E']) expect(file(`${name}.ndjson`), name).to.equal('{"_id":"0"}\n')
    })

    it('never goes on over lines that it could not write', async function () {
      if (!existsSync('/dev/full')) this.skip()
      const stage = await opened({ file: '/dev/full', existing: 'append' })
      look(stage, [{}])
      const failure = '/dev/full cannot be written (ENOSPC)'
      expect(() => stateOf(stage).take('p')).to.throw(failure)
      expect(() => stateOf(stage).take('p')).to.throw(failure)
      expect(() => stage.apply({ _id: '1' }, { collection: 'c' })).to.throw(failure)
      expect(() => stage.close?.(false)).to.throw(failure)
    })

    it('says what it can’t write', async () => {
      const error = await opened({ file: 'missing/aside.ndjson' }).catch((reason: Error) => reason)
      expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
      expect((error as Error).message).to.match(
        /^file: .*missing\/aside\.ndjson cannot be written \(ENOENT\): make the folder .*missing first/
      )
    })
  })

  it('refuses wrong options by their place', async () => {
    const problem = async (options: unknown): Promise<string> =>
      await makeStage('tap', options, { folder, environment: {} }).then(
        () => 'none',
        (error: Error & { code?: string }) => `${error.code} ${error.message}`
      )
    expect(await problem({ where: { a: { $gtt: 1 } } })).to.match(/^DOCFERRY_CONFIG where\.a\.\$gtt: .*did you mean \$gt/)
    expect(await problem({ existing: 'append' })).to.include('file: is missing, and existing needs it')
    expect(await problem({ file: 'x', existing: 'apend' })).to.include('did you mean append')
    expect(await problem({})).to.match(/^DOCFERRY_CONFIG/)
    expect(await problem(['a..b'])).to.include('[0]')
  })
})
