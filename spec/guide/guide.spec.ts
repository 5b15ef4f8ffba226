import { expect } from 'chai'
import { createProgram } from '../../lib/cli/program.ts'
import type { Command } from 'commander'
import { loadConnector } from '../../lib/registry.ts'
import { providerNames } from '../../lib/config/endpoint.ts'
import { guide } from '../../lib/guide/guide.ts'
import type { GuideOptions } from '../../lib/guide/options.ts'
import type { Guide } from '../../lib/guide/report.ts'
import { FakeHost } from '../cli/support/fake-host.ts'

const texts = ({ steps }: Guide): string[] => steps.flatMap(({ commands = [] }) => commands.map(({ text }) => text))

/** The docferry commands in a line of shell, as their arguments. */
function docferryCommands(line: string): string[][] {
  const inner = [...line.matchAll(/\$\(([^)]*)\)/g)].flatMap(match => docferryCommands(match[1]!))
  const outer = line
    .replace(/\$\([^)]*\)/g, 'VALUE')
    .split(/ (?:&&|\|\|?) |; /)
    .map(part => part.replace(/^do /, ''))
  return [...inner, ...outer.filter(part => part.startsWith('docferry ')).map(part => words(part).slice(1))]
}

/** As bash splits a line, as far as a guide's lines need it. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:'(?:[^'])*'|"[^"]*"|\\.|[^\s'"\\])+/g)].map(([word]) => {
    return word.replace(/'([^']*)'|"([^"]*)"|\\(.)/g, (_, single = '', double = '', escaped = '') => `${single}${double}${escaped}`)
  })
}

/** The command line, for these words, with commands that only parse. */
async function parser(words: readonly string[]): Promise<Command> {
  const none = async (): Promise<void> => undefined
  const runners = { run: none, undo: none, verify: none, repair: none, exit: () => undefined }
  const program = await createProgram(new FakeHost(), runners, words)
  const silence = (command: Command): void => {
    if (command.commands.length > 0) command.commands.forEach(silence)
    if (command !== program) command.action(() => undefined)
  }
  silence(program)
  return program
}

describe('guide', () => {
  for (const source of providerNames) {
    for (const target of providerNames) {
      it(`prints commands from ${source} to ${target} that docferry takes`, async () => {
        const shapes: Partial<GuideOptions>[] = [
          {},
          { collections: ['agents', "o'hara, b"], rename: { agents: 'Agents' }, types: 'exact', onIncompatible: 'escape' },
          { preset: 'gofannon', rename: { users: 'people' } },
          { includeDesign: true, attachments: true, includeSecurity: true },
          { subcollections: true },
          { subcollections: false }
        ]
        for (const shape of shapes) {
          const commands = texts(await guide({ source, target, ...shape })).flatMap(docferryCommands)
          expect(commands.length).to.be.greaterThan(6)
          for (const command of commands) {
            await (await parser(command)).parseAsync(command, { from: 'user' })
          }
        }
      })
    }
  }

  it('repairs nothing where attachments come along, for repair does not take them', async () => {
    const all = { includeDesign: true, attachments: true, includeSecurity: true }
    const made = texts(await guide({ source: 'couchdb://old', target: 'couchdb://new', ...all }))
    expect(made.filter(text => text.startsWith('docferry repair'))).to.deep.equal([])
    const moving = made.filter(text => /^docferry (?:migrate|check --|plan|verify)/.test(text))
    expect(moving.length).to.be.greaterThan(5)
    for (const text of moving) expect(text).to.include('--include-design --attachments --include-security')
  })

  it("brings what was in Firestore's subcollections back to its path", async () => {
    const { steps } = await guide({ source: 'firestore', target: 'dynamodb' })
    const back = steps.find(({ title }) => title === 'Bring back what was written since the switch')!.commands!
    expect(back).to.have.length(4)
    for (const { text } of back) expect(text).to.include('--source dynamodb --target firestore --subcollections')
    const plain = await guide({ source: 'firestore', target: 'dynamodb', subcollections: false })
    expect(texts(plain).join()).to.include('--source dynamodb --target firestore --no-subcollections')
    expect(texts(await guide({ source: 'couchdb', target: 'dynamodb' })).join()).not.to.include('subcollections')
  })

  it('says of a restoring that replaces all, and of one that only adds, which is which', async () => {
    const { steps } = await guide({ source: 'dynamodb', target: 'couchdb' })
    const imports = steps.flatMap(({ commands = [] }) => commands).filter(({ text }) => text.startsWith('docferry import'))
    expect(imports.map(({ text, when }) => [text.includes('overwrite'), when!.split(':')[0]])).to.deep.equal([
      [false, 'documents are missing'],
      [true, 'documents are wrong']
    ])
    expect(imports[1]!.when).to.include('what was written since is lost')
  })

  it('would notice a command that docferry does not take', async () => {
    const words = docferryCommands('docferry migrate --sorce a').flat()
    const error = await (await parser(words)).parseAsync(words, { from: 'user' }).catch((thrown: unknown) => thrown)
    expect(error).to.be.an('error')
  })

  it('has the way back for every pair, and asks for a backup first', async () => {
    for (const source of providerNames) {
      for (const target of providerNames) {
        const { steps } = await guide({ source, target })
        const titles = steps.map(({ title }) => title)
        expect(titles.findIndex(title => /^(?:Back the source up|Keep a copy of the source)$/.test(title))).to.be.within(0, 1)
        expect(steps.filter(({ part }) => part === 'rollback')).to.have.length.greaterThan(4)
      }
    }
  })

  it('never prints a password, and says which variable takes its place', async () => {
    const made = await guide({ source: 'couchdb://admin:s3cr:t@x@old:5984?timeoutMs=5', target: 'couchdbs://admin:0ther@new' })
    expect(JSON.stringify(made)).not.to.match(/s3cr|t@x|0ther/)
    expect(made.source.address).to.equal('couchdb://admin@old:5984?timeoutMs=5&passwordEnv=SOURCE_PASSWORD')
    expect(made.target.address).to.equal('couchdbs://admin@new?passwordEnv=TARGET_PASSWORD')
    expect(made.source.variables).to.deep.equal(['SOURCE_PASSWORD'])
    const settings = made.steps.flatMap(({ people = [] }) => people).join('\n')
    expect(settings).to.include('COUCHDB_URL=https://new,')
  })

  for (const [source, target, code] of [
    ['-', 'couchdb', 'DOCFERRY_USAGE'],
    ['couchdb://a:1', 'couchdb://a:1', 'DOCFERRY_SAME_PLACE'],
    ['mongodb', 'couchdb', 'DOCFERRY_USAGE'],
    ['couchdb', 'dynamodb://us-east-1?token=geheim', 'DOCFERRY_CONFIG'],
    ['couchdb', 'dynamodb://key:geheim@us-east-1', 'DOCFERRY_CONFIG']
  ] as const) {
    it(`refuses ${source} to ${target.replace('geheim', '***')}`, async () => {
      const error = await guide({ source, target }).then(
        () => ({ code: 'ok', message: '' }),
        (thrown: Error & { code: string }) => thrown
      )
      expect(error.code).to.equal(code)
      expect(error.message).not.to.include('geheim')
    })
  }

  it("takes what it says of sizes from the connectors' own limits", async () => {
    for (const [source, target] of [
      ['couchdb', 'dynamodb'],
      ['couchdb', 'firestore'],
      ['firestore', 'dynamodb']
    ] as const) {
      const { facts } = await loadConnector(target)
      const { warnings } = await guide({ source, target })
      expect(warnings.join('\n')).to.include(`at most ${facts!.maxDocumentBytes!.toLocaleString('en-US')} bytes`)
    }
    expect((await guide({ source: 'dynamodb', target: 'couchdb' })).warnings.join('\n')).not.to.include('bytes;')
  })

  it('says which values the target has no type for, as it encodes them', async () => {
    const of = async (source: string, target: string, more: Partial<GuideOptions> = {}): Promise<string> =>
      (await guide({ source, target, ...more })).warnings.join('\n')
    expect(await of('firestore', 'couchdb')).to.match(/timestamps.*vectors: CouchDB has no type for them/)
    expect(await of('dynamodb', 'firestore')).to.match(/sets: Firestore has no type for them/)
    expect(await of('dynamodb', 'memory')).not.to.include('no type')
    expect(await of('firestore', 'couchdb', { types: 'plain' })).to.include('does not come back as it was')
    expect(await of('firestore', 'dynamodb')).to.include('fractions that are whole (1.0): DynamoDB holds them as equal numbers')
  })

  it('says which names the target refuses', async () => {
    const { warnings } = await guide({ source: 'firestore', target: 'couchdb', collections: ['Users', 'agents'] })
    expect(warnings.join('\n')).to.include("Users can't be the name of a database of CouchDB").and.not.include('agents can')
  })
})
