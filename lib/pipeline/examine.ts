/** Reads a pipeline file and checks all of it. */
import { readFileSync } from 'node:fs'
import { basename, dirname, extname, resolve } from 'node:path'
import { presetNames, presets } from '../config/presets.ts'
import type { FailureLimit } from '../report.ts'
import type { Environment } from '../types.ts'
import { holdsDocumentValues } from '../stages/document-values.ts'
import { checkAsides } from './check-asides.ts'
import { checkEnds } from './check-ends.ts'
import { checkNames, takenFrom } from './check-names.ts'
import type { Draft } from './check-names.ts'
import { asMap, asText, readCollections, readSources, readTargets } from './draft.ts'
import { Findings } from './findings.ts'
import type { Issue } from './findings.ts'
import { makeEntry } from './make-entry.ts'
import type { EntryMaking } from './make-entry.ts'
import { keepLoader } from './make-stages.ts'
import { ModuleLoader } from './modules.ts'
import type { Pipeline, PipelineOptions } from './pipeline.ts'
import { readProgram } from './read-program.ts'
import { readStages } from './read-stages.ts'
import type { PlacedEntry } from './read-stages.ts'
import { readTests } from './read-tests.ts'
import { readYaml } from './read-yaml.ts'
import { Secrets } from './secrets.ts'
import { optionsSchema, rootSchema } from './sections.ts'
import { Paths, Places } from './tree.ts'
import type { Path, Tree } from './tree.ts'

export interface ReadPipelineOptions {
  /** For `${NAME}`, and for whatever bare names of providers are configured by. */
  readonly environment: Environment
  /** What the file's path is relative to. */
  readonly cwd: string
  /** The file that adds to the environment. Default: `.env` */
  readonly dotenv?: string | undefined
  /** Whether it does not count what is wrong with the ends' addresses (a variable that is missing), for none will be opened. */
  readonly withoutEnds?: boolean
}

export interface Examined {
  /** Missing where something is wrong. */
  readonly pipeline?: Pipeline
  /** In the order of the file. */
  readonly issues: readonly Issue[]
}

const programs = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs']
const texts = ['.yaml', '.yml', '.json']

/** @param path of the file; messages name it as it is given */
export async function examinePipeline(
  path: string,
  { environment, cwd, dotenv = '.env', withoutEnds = false }: ReadPipelineOptions
): Promise<Examined> {
  const absolute = resolve(cwd, path)
  const folder = dirname(absolute)
  const secrets = new Secrets()
  const modules = new ModuleLoader(folder, cwd)
  const files = new Set([absolute, resolve(cwd, dotenv)])
  const tree = await readTree({ path, absolute, folder, environment, secrets, files, modules })
  const findings = new Findings(tree)
  const root = asMap(tree.value)
  if (!root) {
    if (tree.findings.length === 0)
      findings.add([], `must be a map with source, target and stages${tree.value === null ? ', and is empty' : ''}`)
    return { issues: findings.list(path, secrets.mask) }
  }
  const draft = readDraft(root, findings, path)
  for (const { address } of [...draft.sources, ...draft.targets]) if (address !== undefined) secrets.addAddress(address, environment)
  await checkEnds(draft.sources, environment, findings)
  await checkEnds(draft.targets, environment, findings)
  checkNames(draft, findings)
  for (const placed of entriesOf(draft))
    await checkEntry(placed, { folder, environment, modules, target: draft.targets[0]?.name ?? 'target' }, findings)
  // Its modules are known now.
  checkAsides(draft, { folder, files: [...files, ...modules.files] }, findings)
  const ends = withoutEnds ? [...draft.sources, ...draft.targets].map(({ addressPath }) => addressPath) : []
  const issues = findings.list(path, secrets.mask, ends)
  if (issues.length > 0) return { issues }
  const description = asText(root['description'])
  const pipeline = {
    ...pipelineOf(draft),
    ...(description !== undefined && { description }),
    path: absolute,
    folder,
    secrets: secrets.list()
  }
  keepLoader(pipeline, modules)
  return { pipeline, issues }
}

interface Reading {
  readonly path: string
  readonly absolute: string
  readonly folder: string
  readonly environment: Environment
  readonly secrets: Secrets
  readonly files: Set<string>
  readonly modules: ModuleLoader
}

async function readTree({ path, absolute, modules, ...surroundings }: Reading): Promise<Tree> {
  const failed = (message: string): Tree => ({
    value: undefined,
    places: new Places(),
    findings: [{ path: [], message }],
    unknown: new Paths()
  })
  const ending = extname(path).toLowerCase()
  if (![...texts, ...programs].includes(ending)) return failed(`a pipeline's name ends in ${[...texts, ...programs].join(', ')}`)
  let text: string
  try {
    text = readFileSync(absolute, 'utf8')
  } catch (error) {
    return failed(`the file can't be read (${(error as NodeJS.ErrnoException).code})`)
  }
  if (programs.includes(ending)) return await readProgram(absolute, `./${basename(path)}`, surroundings, modules)
  return readYaml(text, { ...surroundings, json: ending === '.json', isDocumentValue })
}

/** There numbers are of the kinds that documents have. */
function isDocumentValue(path: Path): boolean {
  const [section, , key] = path
  if (section === 'tests') return key === 'in' || key === 'out'
  // Those of a source or a collection stand in it.
  const list = section === 'stages' ? 0 : 2
  return path[list] === 'stages' && path.length > list + 3 && holdsDocumentValues(path[list + 2])
}

function readDraft(root: Readonly<Record<string, unknown>>, findings: Findings, file: string): Draft {
  findings.check(rootSchema, root, [])
  const options = asMap(root['options'])
  if (root['options'] !== undefined && root['options'] !== null) findings.check(optionsSchema, root['options'], ['options'])
  return {
    sources: readSources(root, findings, file),
    targets: readTargets(root, findings),
    collections: readCollections(root, findings, file),
    preset: presetNames.find(name => name === root['preset']),
    stages: readStages(root['stages'], ['stages'], findings, file),
    options: readOptions(options ?? {}),
    tests: readTests(root['tests'], findings, file)
  }
}

/** What is wrong with them is told already. */
const rates = ['maxRate', 'maxWriteUnits', 'maxReadUnits']

function readOptions({ maxFailures, ...given }: Readonly<Record<string, unknown>>): PipelineOptions {
  const options = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, rates.includes(name) && typeof value === 'string' ? rateOf(value) : value])
  )
  const share = /^(.*)%$/s.exec(asText(maxFailures)?.trim() ?? '')?.[1]
  const limit = share === undefined ? (maxFailures as FailureLimit | undefined) : { share: Number(share) / 100 }
  return { ...(options as PipelineOptions), ...(limit !== undefined && { maxFailures: limit }) }
}

/** `2,500/s` */
function rateOf(text: string): number {
  return Number(text.replace(/\s*\/s$/, '').replaceAll(',', ''))
}

function entriesOf({ sources, stages, collections = [] }: Draft): readonly PlacedEntry[] {
  return [...sources.flatMap(source => source.stages), ...stages, ...collections.flatMap(collection => collection.stages)]
}

/** What only making a stage shows: options that do not fit, an expression that is none, a module that is missing. */
async function checkEntry({ entry, path, key }: PlacedEntry, making: EntryMaking, findings: Findings): Promise<void> {
  const options = [...path, ...(key === undefined ? [] : [key === 'module' || key === 'function' ? 'options' : key])]
  if (findings.isUnknown([...path, 'module'])) return
  const holdsUnknown = findings.holdsUnknown(options)
  const made = await makeEntry(entry, making, holdsUnknown ? 'check' : undefined)
  if (!('issues' in made)) return
  for (const issue of made.issues) {
    const place = [...path, ...issue.path]
    // Whether the whole has its form is not known while a part is not.
    if (!holdsUnknown || place.length > options.length) findings.add(place, issue.message, issue.at)
  }
}

function pipelineOf({
  sources,
  targets,
  collections,
  preset,
  stages,
  options,
  tests
}: Draft): Omit<Pipeline, 'path' | 'folder' | 'secrets'> {
  const entries = (placed: readonly PlacedEntry[]): Pipeline['stages'] => placed.map(({ entry }) => entry)
  const first =
    collections?.[0]?.name ?? sources.flatMap(source => takenFrom([source]) ?? [])[0] ?? (preset && presets[preset][0]) ?? 'documents'
  return {
    sources: sources.map(source => ({
      name: source.name,
      address: source.address ?? '',
      ...(source.collections && { collections: source.collections }),
      rename: source.rename,
      stages: entries(source.stages)
    })),
    targets: targets.map(({ name, address }) => ({ name, address: address ?? '' })),
    ...(collections && {
      collections: collections.map(({ name, as, stages: own }) => ({ name, ...(as !== undefined && { as }), stages: entries(own) }))
    }),
    ...(preset && { preset }),
    stages: entries(stages),
    options,
    tests: tests.map(({ test }) => ({ ...test, collection: test.collection ?? first }))
  }
}
