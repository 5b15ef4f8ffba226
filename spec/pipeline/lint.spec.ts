import { linkSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { projectFolder } from '../../scripts/servers/tools.ts'
import { issueLine, lintPipeline } from '../../lib/pipeline/lint.ts'
import { ends, pipelineBench } from './bench.ts'

describe('pipeline: lint', function () {
  // The first module of a process loads a compiler.
  this.timeout(20_000)
  const bench = pipelineBench()

  it('tells every issue at once, each with its place and what was probably meant', async () => {
    const file = 'spec/fixtures/pipelines/six-mistakes.yaml'
    const issues = await lintPipeline(file, { environment: { PARALEL: '4' }, cwd: projectFolder() })
    expect(issues.map(issueLine)).to.deep.equal([
      `${file}:3:9: source: no provider is called couchbd (did you mean couchdb?); there are memory, couchdb, firestore, dynamodb, file`,
      `${file}:9:5: stages[0].strp: there is no stage strp (did you mean strip?)`,
      `${file}:10:23: stages[1].strip[1]: "a..b" is no path to a field (character 3): write a.b, list[0], list[*].name, map.*, or "quoted.name".b`,
      `${file}:11:5: stages[1].onErorr: is unknown beside strip (did you mean onError?); there are name, onError, collections, sources`,
      `${file}:13:15: options.onConflict: must be skip or overwrite or fail (did you mean overwrite?)`,
      `${file}:14:13: options.parallel: the variable PARALLEL is not set (did you mean PARALEL?); set it, or write \${PARALLEL:-default}`
    ])
  })

  for (const [what, text, ...wanted] of [
    ['a file that is empty', '# nothing\n', /^x\.yaml:1:1: must be a map with source, target and stages, and is empty$/],
    ['text that is no map', '- a\n', /^x\.yaml:1:1: must be a map/],
    ['what YAML can not read', 'a: [1, 2\nb: "x\n', /^x\.yaml:2:1: .*flow sequence/i, /^x\.yaml:3:1: .*closing "quote/],
    ['a variable without quotes in braces', `${ends}options: { parallel: \${N} }\n`, /^x\.yaml:3:23: .*in quotes$/],
    [
      'a template without quotes',
      `${ends}stages:\n  - set: { email: {{ _id }} }\n`,
      /^x\.yaml:4:\d+: text with \{\{ \.\.\. \}\} in it has to stand in quotes$/
    ],
    ['text with a colon', `${ends}description: foo: bar\n`, /^x\.yaml:3:14: .*text with a colon in it has to stand in quotes$/],
    ['a key that is there twice', `${ends}target: b.json\n`, /^x\.yaml:3:1: this key is there already/],
    ['a second document', `${ends}---\na: 1\n`, /^x\.yaml:3:1: a second document begins here/],
    ['a tag', `${ends}description: !foo bar\n`, /^x\.yaml:3:14: Unresolved tag: !foo/],
    ['an alias of nothing', `${ends}stages: *common\n`, /^x\.yaml:3:9: .*common/i],
    ['an alias that holds itself', `${ends}x-a: &a [*a]\n`, /^x\.yaml:3:10: x-a\[0\]: the anchor holds itself$/],
    [
      'two stages that write one file',
      `${ends}stages:\n  - tap: { file: s.ndjson }\n  - tap: { file: ./s.ndjson, existing: append }\n`,
      /^x\.yaml:5:18: stages\[1\]\.tap\.file: stages\[0\] writes this file already/
    ],
    [
      'one file for several targets',
      'source: a.json\ntargets: [b.json, c.json]\nstages:\n  - tap: { file: s.ndjson }\n',
      /^x\.yaml:4:18: stages\[0\]\.tap\.file: each of the 2 targets .*put \{target\} in its name, such as 's-\{target\}\.ndjson'$/
    ],
    ['a missing source', 'target: a.json\n', /^x\.yaml:1:1: source: is missing/],
    ['a missing target', 'source: a.json\n', /^x\.yaml:1:1: target: is missing/],
    ['source beside sources', `${ends}sources: [b.json]\n`, /^x\.yaml:3:1: sources: there is source already/],
    ['several under source', 'source: [a.json, b.json]\ntarget: c.json\n', /^x\.yaml:1:9: source: must be one; write sources: for a list$/],
    ['an unknown key', `${ends}stage: []\n`, /^x\.yaml:3:1: stage: is unknown here \(did you mean stages\?\)/],
    [
      'an unknown key of a source',
      'source: { adress: a.json }\ntarget: b.json\n',
      /^x\.yaml:1:1: source\.address: is missing$/,
      /^x\.yaml:1:11: source\.adress: is unknown here \(did you mean address\?\)/
    ],
    [
      'an address that is none',
      'source: https://localhost\ntarget: b.json\n',
      /^x\.yaml:1:9: source: this is a web address.*couchdb\+https/
    ],
    [
      'what a connector can not be configured by',
      'source: couchdb\ntarget: dynamodb://eu?tiemout=1\n',
      /^x\.yaml:1:9: source: couchdb: COUCHDB_URL: required/,
      /^x\.yaml:2:9: target: dynamodb: tiemout: unknown/
    ],
    [
      'an end that could not be opened',
      'source: memory\ntarget: ./backup\n',
      /^x\.yaml:1:9: source: memory: nothing outside a process can read its memory/,
      /^x\.yaml:2:9: target: \.\/backup: its name does not tell the format/
    ],
    [
      'a file that is missing',
      `source: \${file:nothing.txt}\ntarget: b.json\n`,
      /^x\.yaml:1:9: source: the file nothing\.txt can't be read \(ENOENT\)/
    ],
    ['a variable that is none', `${ends}description: \${A-B}\n`, /^x\.yaml:3:14: description: \$\{A-B\} names no variable; write /],
    ['a variable that is not closed', `${ends}description: \${A\n`, /^x\.yaml:3:14: description: \$\{ has no \} behind it/],
    ['stages that are no list', `${ends}stages: { strip: [a] }\n`, /^x\.yaml:3:9: stages: must be a list of stages/],
    [
      'a stage that is only a name',
      `${ends}stages: [strip]\n`,
      /^x\.yaml:3:10: stages\[0\]: must be a map .*; here, strip: with its options behind it$/
    ],
    ['an entry without a stage', `${ends}stages:\n  - name: a\n`, /^x\.yaml:4:5: stages\[0\]: names no stage; there are strip, /],
    [
      'two stages in one entry',
      `${ends}stages:\n  - strip: [a]\n    pick: [b]\n`,
      /^x\.yaml:5:5: stages\[0\]\.pick: is a second stage beside strip: put a - in front of it$/
    ],
    [
      'options beside a built-in stage',
      `${ends}stages:\n  - strip: [a]\n    options: {}\n`,
      /^x\.yaml:5:5: stages\[0\]\.options: is only for a module/
    ],
    [
      'an option of a stage of the wrong type',
      `${ends}stages:\n  - strip: [a, 5]\n`,
      /^x\.yaml:4:16: stages\[0\]\.strip\[1\]: must be text/
    ],
    [
      'what only making a stage shows',
      `${ends}stages:\n  - rename:\n      _id: x\n`,
      /^x\.yaml:5:12: stages\[0\]\.rename\._id: _id can be neither/
    ],
    [
      'a wrong word for a common key',
      `${ends}stages:\n  - strip: [a]\n    onError: skipp\n`,
      /^x\.yaml:5:14: stages\[0\]\.onError: must be .*\(did you mean skip\?\)$/
    ],
    [
      'options of a wrong type',
      `${ends}options:\n  parallel: two\n  verify: 'yes'\n  maxFailures: 1%%\n`,
      /^x\.yaml:4:13: options\.parallel: must be a whole number/,
      /^x\.yaml:5:11: options\.verify: must be true or false/,
      /^x\.yaml:6:16: options\.maxFailures: must be a whole number or a share such as 1%$/
    ],
    ['a preset that is none', `${ends}preset: gofanon\n`, /^x\.yaml:3:9: preset: must be gofannon$/],
    ['collections beside a preset', `${ends}collections: [a]\npreset: gofannon\n`, /^x\.yaml:4:1: preset: there are collections already/],
    ['a collection that is there twice', `${ends}collections: [a, a]\n`, /^x\.yaml:3:18: collections\[1\]: a is named already/],
    [
      'two collections with one name in the target',
      `${ends}collections: [a, { name: b, as: a }]\n`,
      /^x\.yaml:3:18: collections\[1\]: a and b would both become a in the target/
    ],
    [
      'two collections of a source with one name',
      'source: { address: a.json, rename: { A: b, B: b } }\ntarget: c.json\n',
      /^x\.yaml:1:47: source\.rename\.B: two collections .* called b/
    ],
    [
      'a restriction to a collection that is not there',
      `${ends}collections: [users]\nstages:\n  - strip: [a]\n    collections: [usres]\n`,
      /^x\.yaml:6:19: stages\[0\]\.collections\[0\]: there is no collection usres here \(did you mean users\?\)/
    ],
    [
      'a restriction to a source that is not there',
      `${ends}stages:\n  - strip: [a]\n    sources: [fil]\n`,
      /^x\.yaml:5:15: stages\[0\]\.sources\[0\]: there is no source fil here \(did you mean file\?\)/
    ],
    [
      'a restriction by the name before a renaming',
      'source: { address: a.json, collections: [Users], rename: { Users: users } }\ntarget: b.json\nstages:\n  - strip: [a]\n    collections: [Users]\n',
      /^x\.yaml:5:19: .*it is renamed, write users$/
    ],
    [
      'two sources with one name',
      'sources: [{ name: a, address: a.json }, { name: a, address: b.json }]\ntarget: c.json\n',
      /^x\.yaml:1:49: sources\[1\]\.name: there is a source a already$/
    ],
    ['one target twice', 'source: a.json\ntargets: [b.json, b.json]\n', /^x\.yaml:2:19: targets\[1\]: this is a target already/],
    [
      'one target twice, as two spellings of its path',
      'source: a.json\ntargets: [./b.json, "memory:b.json", "file:../b.json", "file:no-such/../b.json?force=true"]\n',
      /^x\.yaml:2:21: targets\[1\]: this is a target already/,
      /^x\.yaml:2:56: targets\[3\]: this is a target already/
    ],
    [
      'write units without DynamoDB',
      `${ends}options: { maxWriteUnits: 5 }\n`,
      /^x\.yaml:3:12: options\.maxWriteUnits: no target is DynamoDB/
    ],
    ['a test without out', `${ends}tests:\n  - in: { _id: a }\n`, /^x\.yaml:4:5: tests\[0\]\.out: is missing$/],
    [
      'what is wrong with options beside a common key that is wrong',
      `${ends}stages:\n  - filter: { a: { $eqq: 1 } }\n    onError: deadletter\n  - strip: ['a..b']\n    name: 5\n`,
      /^x\.yaml:4:26: stages\[0\]\.filter\.a\.\$eqq: /,
      /^x\.yaml:5:14: stages\[0\]\.onError: must be .*\(did you mean dead-letter\?\)$/,
      /^x\.yaml:6:13: stages\[1\]\.strip\[0\]: "a\.\.b" is no path/,
      /^x\.yaml:7:11: stages\[1\]\.name: must be text/
    ],
    [
      'what is wrong with the documents of a test that has an unknown key and no out',
      `${ends}tests:\n  - colection: x\n    in: { n: 1 }\n`,
      /^x\.yaml:4:5: tests\[0\]\.out: is missing$/,
      /^x\.yaml:4:5: tests\[0\]\.colection: is unknown here \(did you mean collection\?\)/,
      /^x\.yaml:5:5: tests\[0\]\.in\._id: is missing/
    ],
    [
      'a template that is none at its field, also where that is a path',
      `${ends}stages:\n  - default: { fields: { a: '{{', b.c: '{{' } }\n  - default: { fields: { b.c: '{{' } }\n`,
      /^x\.yaml:4:29: stages\[0\]\.default\.fields\.a: /,
      /^x\.yaml:5:31: stages\[1\]\.default\.fields\."b\.c": /
    ],
    [
      'a number of failures that is neither a number nor text',
      `${ends}options:\n  maxFailures: true\n`,
      /^x\.yaml:4:16: options\.maxFailures: must be a whole number or a share such as 1%, and is true$/
    ],
    [
      'a type that JSON Schema does not have, once',
      `${ends}stages:\n  - validate: { schema: { type: objekt } }\n`,
      /^x\.yaml:4:33: stages\[0\]\.validate\.schema\.type: must be one of [a-z, ]* \(did you mean object\?\)$/
    ],
    [
      'what making a stage shows beside what its schema shows',
      `${ends}stages:\n  - redact: { patterns: [emial, { regex: '(' }] }\n  - id: { fields: [], uuid: true }\n`,
      /^x\.yaml:4:26: stages\[0\]\.redact\.patterns\[0\]: must be .*\(did you mean email\?\)$/,
      /^x\.yaml:4:42: stages\[0\]\.redact\.patterns\[1\]\.regex: .*regular expression/,
      /^x\.yaml:5:19: stages\[1\]\.id\.fields: must not be empty$/,
      /^x\.yaml:5:29: stages\[1\]\.id\.uuid: give only one of fields, uuid and hash$/
    ],
    [
      'nothing of a stage that only follows from an option that is wrong',
      `${ends}stages:\n  - id: { feilds: [a] }\n  - id: { fields: 5 }\n  - redact: { fields: [5], with: x }\n  - set: []\n`,
      /^x\.yaml:4:11: stages\[0\]\.id\.feilds: is unknown here/,
      /^x\.yaml:5:19: stages\[1\]\.id\.fields: must be a list/,
      /^x\.yaml:6:24: stages\[2\]\.redact\.fields\[0\]: must be text/,
      /^x\.yaml:7:10: stages\[3\]\.set: must be a map/
    ],
    ['a test with a number as id', `${ends}tests:\n  - in: { _id: 1 }\n    out: []\n`, /^x\.yaml:4:16: tests\[0\]\.in\._id: must be text/],
    [
      'a test of a source that is not there',
      `${ends}tests:\n  - in: { _id: a }\n    out: []\n    source: old\n`,
      /^x\.yaml:6:13: tests\[0\]\.source: there is no source old here/
    ],
    [
      'a number with too many digits',
      `${ends}stages:\n  - strip: [12345678901234567890]\n`,
      /^x\.yaml:4:13: stages\[0\]\.strip\[0\]: 12345678901234567890 is more than a number keeps/
    ]
  ] as const) {
    it(`tells ${what}`, async () => {
      const lines = await bench.lint(text)
      expect(lines, lines.join('\n')).to.have.length(wanted.length)
      for (const [index, pattern] of wanted.entries()) expect(lines[index]).to.match(pattern)
    })
  }

  it('stands aliases that stand for more than any machine holds, and lists deeper than any stack', async () => {
    const nine = (item: unknown): string => `[${Array.from({ length: 9 }, () => item).join(', ')}]`
    const levels = Array.from({ length: 12 }, (_, level) => `x-${level}: &a${level} ${nine(level === 0 ? 1 : `*a${level - 1}`)}\n`)
    const bomb = await bench.lint(ends + levels.join(''))
    expect(bomb).to.have.length(1)
    expect(bomb[0]).to.match(/^x\.yaml:\d+:\d+: .*the aliases stand for too much$/)
    expect((await bench.lint(`${ends}x-a: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`))[0]).to.match(/nested too deep$/)
  })

  it('says nothing more of what a missing variable would have given', async () => {
    const text = 'source: ${NO_SUCH}\ntarget: b.json\nstages:\n  - strip: ["${NO_SUCH}"]\noptions:\n  maxReadUnits: 5\n'
    expect(await bench.lint(text)).to.have.length(2)
  })

  it('tells a mistake behind an anchor once, and where it is written', async () => {
    const lines = await bench.lint(
      `${ends}x-common: &common\n  - strp: [a]\nstages: *common\ncollections: [{ name: a, stages: *common }]\n`
    )
    expect(lines).to.have.length(1)
    expect(lines[0]).to.match(/^x\.yaml:4:5: .*there is no stage strp/)
  })

  it('tells what is wrong in JSON as JSON', async () => {
    const lint = (text: string): Promise<readonly string[]> => bench.lint(text, {}, 'x.json')
    expect(await lint('{ "source": "a.json", "target": "b.json" }')).to.deep.equal([])
    expect((await lint('{ "source": "a.json", # here\n "target": "b.json" }'))[0]).to.match(/^x\.json:1:23: JSON has no comments/)
    for (const comment of ['// here', '/* here */', '# here']) {
      const withComment = await lint(`{ "source": "file:a.json", ${comment}\n "target": "couchdb://host" ${comment}\n}`)
      expect(withComment, comment).to.deep.equal(['x.json:1:28: JSON has no comments: name the file .yaml, where # begins one'])
      expect(await lint(`${comment}\n{ "source": "a.json",\n "target": "b.json" }`), comment).to.have.length(1)
      expect(await lint(`{ "source": "a.json",\n${comment}\n "target": "b.json" }`), comment).to.have.length(1)
    }
    expect((await lint('{ \'source\': "a.json",\n "target": "b.json" }'))[0]).to.match(/^x\.json:1:3: text stands in double quotes/)
    expect((await lint('source: a.json\ntarget: b.json\n'))[0]).to.match(/^x\.json:1:1: this is YAML and not JSON/)
    expect((await lint('{ "source": "a.json",\n  "target": "b.json", "stag": 1 }'))[0]).to.match(/^x\.json:2:23: stag: is unknown/)
    expect((await lint('{ "source": "a.json", }'))[0]).to.match(/^x\.json:\d+:\d+: /)
  })

  it('tells a stage that would write over what is read or written', async () => {
    const ends = `source: ${join(bench.folder, 'in.json')}\ntargets: [dynamodb://us-east-1, { name: b, address: ${join(bench.folder, 'out-b.json')} }]\n`
    for (const file of ['./in-{target}/../in.json', 'out-{target}.json'])
      expect(await bench.lint(`${ends}stages:\n  - tap: { file: '${file}', existing: overwrite }\n`), file).to.deep.equal([
        'x.yaml:4:18: stages[0].tap.file: is a file that documents are read from or written to already, or lies in such a folder: give it another name'
      ])
  })

  it('tells a stage that would write a source under another of its names', async () => {
    bench.write('src.ndjson', '{"_id":"1"}\n')
    linkSync(join(bench.folder, 'src.ndjson'), join(bench.folder, 'link.ndjson'))
    const text = `source: ${join(bench.folder, 'src.ndjson')}\ntarget: memory:o.json\nstages:\n  - tap: { file: link.ndjson, existing: overwrite }\n`
    expect((await bench.lint(text)).join()).to.include('is a file that documents are read from or written to already')
  })

  it('tells a stage that would write what the pipeline is read from', async () => {
    bench.write('s.ts', "import './other.ts'\nexport default (document: unknown) => document\n")
    bench.write('other.ts', 'export const n = 1\n')
    bench.write('about.txt', 'text\n')
    bench.write('.env', 'A=1\n')
    const text = (file: string, existing = 'overwrite'): string =>
      `description: \${file:about.txt}\n${ends}stages:\n  - module: ./s.ts\n  - tap: { file: '${file}', existing: ${existing} }\n`
    for (const file of ['x.yaml', 's.ts', 'other.ts', 'about.txt', '.env'])
      expect((await bench.lint(text(file))).join(), file).to.include(`leads to ${file}, which this pipeline is read from`)
    for (const file of ['{collection}.yaml', '{collection}/../x.yaml'])
      expect((await bench.lint(text(file))).join(), file).to.include('leads to x.yaml, which this pipeline is read from')
    for (const [file, existing] of [
      ['y.yaml', 'overwrite'],
      ['{collection}.yaml', 'refuse']
    ])
      expect(await bench.lint(text(file!, existing)), file).to.deep.equal([])
    expect(await bench.lint(`${text('{collection}.yaml')}collections: [a]\n`)).to.deep.equal([])
    expect(await bench.lint(`${text('{collection}.yaml')}collections: [x]\n`)).to.have.length(1)
  })

  it('lets stages of different sources write aside under the names of what these give', async () => {
    const text = (a: string, b: string): string =>
      `sources:\n${[a, b].map((more, index) => `  - { address: ${index}.ndjson, stages: [{ tap: { file: 'x-{collection}.ndjson' } }]${more} }\n`).join('')}target: memory:z.json\n`
    expect(await bench.lint(text(', collections: [users]', ', collections: [posts]'))).to.deep.equal([])
    expect(await bench.lint(text(', collections: [a], rename: { a: users }', ', collections: [a], rename: { a: posts }'))).to.deep.equal([])
    expect(await bench.lint(text('', ''))).to.deep.equal([])
    expect(await bench.lint(text(', collections: [users]', ''))).to.deep.equal([])
    expect((await bench.lint(text(', collections: [users]', ', collections: [a], rename: { a: users }'))).join()).to.include(
      'sources[0].stages[0] writes this file already'
    )
  })

  it('lets stages of different collections write aside under names made of these', async () => {
    const stages = (...collections: string[]): string =>
      `${ends}collections: [a, { name: b, stages: [{ tap: { file: '{collection}.x' } }] }]\nstages:\n  - tap: { file: '{collection}.x' }\n    collections: [${collections.join()}]\n`
    expect(await bench.lint(stages('a'))).to.deep.equal([])
    expect((await bench.lint(stages('a', 'b'))).join()).to.include('stages[0] writes this file already')
  })

  it('shows no secret, wherever it came from', async () => {
    bench.write('pw', 'hunter2secret\n')
    const environment = { DB_PASSWORD: 'swordfish', TARGET: 'couchdb://admin:opensesame@host:5984?nonsense=1' }
    const text = 'source: memory://${file:pw}\ntarget: ${TARGET}\nstages:\n  - strip: ["${DB_PASSWORD}..a"]\n'
    const lines = await bench.lint(text, environment)
    expect(lines).to.have.length(3)
    expect(lines.join('\n')).not.to.match(/hunter2|swordfish|opensesame/)
  })

  it('tells a file that can not be read, and one that is no pipeline by its name', async () => {
    const options = { environment: {}, cwd: bench.folder }
    expect((await lintPipeline('none.yaml', options)).map(issueLine)).to.deep.equal(["none.yaml: the file can't be read (ENOENT)"])
    expect((await lintPipeline('x.toml', options)).map(issueLine)[0]).to.match(/^x\.toml: a pipeline's name ends in \.yaml/)
  })

  it('finds nothing wrong with what uses all that there is', async () => {
    bench.write('s.ts', 'export default (document: unknown) => document\n')
    const text = [
      '$schema: ./pipeline.schema.json',
      'description: all',
      'sources:',
      '  - { name: old, address: "couchdb://localhost:5984", collections: [Users, logs], rename: { Users: users }, stages: [{ strip: [a] }] }',
      '  - backup.json',
      'targets: [dynamodb://us-east-1, { name: copy, address: "file:copy.ndjson.gz" }]',
      'x-note: { anything: [1] }',
      'collections: [users, { name: logs, as: log, stages: [{ pick: [a] }] }]',
      'stages:',
      '  - strip: [b]',
      '    name: no b',
      '    onError: dead-letter',
      '    collections: [users]',
      '    sources: [old]',
      '  - module: ./s.ts',
      '    options: { any: thing }',
      'options: { onConflict: overwrite, onIncompatible: escape, types: exact, undo: all, includeDesign: true, keepMetadata: true, parallel: 2,',
      '  maxRate: 10, maxWriteUnits: 5.5, maxRetries: 0, maxFailures: 1.5%, stateDir: .runs, verify: true }',
      'tests: [{ name: a, collection: logs, source: file, in: { _id: a }, out: [] }]',
      ''
    ].join('\n')
    expect(await bench.lint(text)).to.deep.equal([])
  })

  it('names the file as it is given', async () => {
    bench.write('deep/x.yaml', 'target: a.json\n')
    const issues = await lintPipeline(join('deep', 'x.yaml'), { environment: {}, cwd: bench.folder })
    expect(issues[0]).to.deep.include({ file: 'deep/x.yaml', line: 1, column: 1, path: 'source' })
  })
})
