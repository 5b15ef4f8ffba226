/** A manifest that is read entry by entry says what the same one says that is parsed whole. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { manifestInPieces, manifestPieces, parseManifest, readManifest } from '../../../lib/connectors/file/manifest.ts'
import type { Manifest, ManifestEntry } from '../../../lib/connectors/file/manifest.ts'
import { manifestList } from '../../../lib/formats/export-text.ts'
import { readListed } from '../../../lib/formats/listed-json.ts'
import { BucketSums } from '../../../lib/values/bucket-sums.ts'
import { documentDigests } from '../../../lib/values/index.ts'
import { edited, editsOf, inPieces, sizes } from '../../support/read-in-pieces.ts'

const sums = new BucketSums()
for (let n = 0; n < 3; n++) sums.add(`d${n}`, documentDigests({ _id: `d${n}` }))
const entry: ManifestEntry = { file: 'a.ndjson', documents: 3, digest: sums.total(), receipt: sums.base64(), root: sums.root() }

function textOf(entries: readonly (readonly [string, ManifestEntry])[]): string {
  const names = entries.map(([name]) => name)
  return [...manifestPieces('memory', names, entries, { a: { admins: { names: ['ü'] } } })].join('')
}

/** All that it says, in its order. */
async function said({ entries, ...about }: Manifest): Promise<unknown> {
  const all = [...entries].map(async ([name, { receipt, ...rest }]) => [name, rest, await receipt?.()])
  return { about, entries: await Promise.all(all) }
}

describe('file: manifests of folders', () => {
  let folder: string
  let path: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-manifest-'))
    path = join(folder, 'manifest.json')
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const inPiecesOf = async (text: string, sizes: readonly number[]): Promise<unknown> => {
    writeFileSync(path, text)
    const found = await manifestInPieces(path, visitor => readListed(inPieces(text, sizes), manifestList, visitor)).catch(() => undefined)
    return found && (await said(found))
  }
  const whole = async (text: string): Promise<unknown> => {
    try {
      return await said(parseManifest(text, path))
    } catch {
      return undefined
    }
  }
  it('say the same read in pieces, whatever the pieces', async () => {
    const name = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('__proto__', '7', '12', ' "files": {', '\\"'))
    const value = fc.record({ file: name, documents: fc.nat(), receipt: fc.constantFrom(undefined, '', entry.receipt) })
    const entries = fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(entries, sizes, async (listed, pieces) => {
        const text = textOf(
          listed.map(([each, { receipt, ...rest }]) => [each, { ...rest, ...(receipt !== undefined && { receipt, root: 'r' }) }])
        )
        const found = await inPiecesOf(text, pieces)
        expect(found)
          .to.deep.equal(await whole(text))
          .and.not.to.equal(undefined)
      })
    )
  })

  it('say the same or leave it to who reads them whole, however they were changed', async () => {
    const text = textOf([
      ['a', entry],
      ['7', { ...entry, file: '7.ndjson' }],
      ['b', { file: 'b.ndjson', documents: 1 }]
    ])
    const edits = editsOf(text, [
      '\n',
      '}',
      '{',
      '\n    },',
      ',\n  "files": {\n',
      '"__proto__": 1,',
      '"$double": "1",',
      '\n  }',
      '1.0',
      '\ufeff',
      '\r',
      '"a": 1,\n    '
    ])
    await fc.assert(
      fc.asyncProperty(edits, sizes, async (made, pieces) => {
        const other = edited(text, made)
        const found = await inPiecesOf(other, pieces)
        if (found) expect(found).to.deep.equal(await whole(other))
      }),
      { numRuns: 1_000 }
    )
  })

  it('are read whole where an older docferry gave no roots, in another form, and with a name like that of an envelope', async () => {
    const { root: _root, ...older } = entry
    const odd = [['$double', entry]] as const
    for (const text of [textOf([['a', older]]), JSON.stringify(JSON.parse(textOf([['a', entry]]))), textOf([]), textOf(odd)]) {
      expect(await inPiecesOf(text, [100]), text).to.equal(undefined)
      const found = await readManifest(path).then(said, () => undefined)
      expect(found).to.deep.equal(await whole(text))
    }
  })

  it('whose sums were changed since say none that agree with their root', async () => {
    writeFileSync(path, textOf([['a', entry]]))
    const { entries } = await readManifest(path)
    for (const now of ['', textOf([['a', { ...entry, receipt: 'AAAA' }]]), ` ${textOf([['a', entry]])}`]) {
      writeFileSync(path, now)
      const receipt = await entries.get('a')!.receipt!()
      expect(receipt, now).not.to.equal(entry.receipt)
    }
  })
})
