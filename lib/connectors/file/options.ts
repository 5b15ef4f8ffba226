/** What a user may say about a file, and what its name says. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Readable, Writable } from 'node:stream'
import { DocferryError } from '../../errors.ts'
import { parseKey } from '../../formats/dynamodb/key-option.ts'
import type { KeyNames } from '../../formats/dynamodb/key-option.ts'
import { formatOfName } from '../../formats/open-input.ts'
import type { Format } from '../../formats/open-input.ts'
import { definedOf } from '../../values/defined.ts'

export type FileFormat = Format | 'folder'

const formats = ['ndjson', 'json', 'folder', 'dynamodb-json', 'couchbackup'] as const satisfies readonly FileFormat[]

export interface FileOptions {
  /** A file, a folder (an existing one, or with a slash at its end), or `-` for standard input or output. */
  readonly path: string
  /** Needed only where neither the name nor, when reading, the contents tell. */
  readonly format?: FileFormat
  /** Whether what is written is compressed. Default: whether the name ends in `.gz`. Reading finds out by itself. */
  readonly gzip?: boolean
  /** 1 (fast) to 9 (small). Default 6. */
  readonly level?: number
  /** Replace an output that exists. Default false. */
  readonly force?: boolean
  /** Write documents and nothing else: NDJSON without header, section and end. For one collection. */
  readonly documentsOnly?: boolean
  /** Where the documents that are written come from, for the metadata. Default `file`. */
  readonly provider?: string
  /** The collection of a file that names none. Default: the file's name without its extension. */
  readonly collection?: string
  /** Of DynamoDB JSON, the key of the table: `pk`, `pk,sk`, with their types where they are no text (`pk,sk:N`). Default: `_id`. */
  readonly key?: string
  /** Read an incremental export of DynamoDB's: what was changed as documents, what was deleted as rejects. Default false: it is refused. */
  readonly incremental?: boolean
  /** Of a backup by couchbackup, its log: with it the reading knows whether the backup is whole. */
  readonly backupLog?: string
  /** Read for `-`. Default: the process's own. */
  readonly stdin?: Readable
  /** Written for `-`, and left open. Default: the process's own. */
  readonly stdout?: Writable
}

export const standardStreams = '-'

const optionNames = ['format', 'gzip', 'level', 'force', 'documentsOnly', 'collection', 'key', 'incremental', 'backupLog'] as const

/**
 * @param text `file:backup.ndjson.gz`, `file:///data/backup.json`, `file:dir/`, `file:-`, each perhaps with `?format=ndjson&force=true`
 * @throws {DocferryError} DOCFERRY_CONFIG
 */
export function configureFile(text: string): FileOptions {
  const issues: string[] = []
  const [, rest = ''] = /^file:(.*)$/s.exec(text) ?? []
  const mark = rest.indexOf('?')
  const path = readPath(mark === -1 ? rest : rest.slice(0, mark), issues)
  const query = readQuery(mark === -1 ? '' : rest.slice(mark + 1), issues)
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', `${text}: ${issues.join('; ')}`)
  return { path, ...query }
}

function readPath(text: string, issues: string[]): string {
  if (text === '') issues.push('path: required, as in file:backup.ndjson.gz, file:folder/, or file:- for standard input and output')
  if (!text.startsWith('//')) return text
  try {
    return fileURLToPath(`file:${text}`)
  } catch (error) {
    issues.push(
      `path: ${(error as Error).message}; a path relative to here is written file:backup.json, an absolute one file:///data/backup.json`
    )
    return text
  }
}

function readQuery(text: string, issues: string[]): Omit<FileOptions, 'path'> {
  const query = new URLSearchParams(text)
  for (const name of query.keys()) {
    if (!(optionNames as readonly string[]).includes(name)) issues.push(`${name}: no such option; there are ${optionNames.join(', ')}`)
  }
  const flag = (name: (typeof optionNames)[number]): boolean | undefined => {
    const value = query.get(name)
    if (value === null) return undefined
    if (value !== 'true' && value !== 'false' && value !== '') issues.push(`${name}: true or false`)
    return value !== 'false'
  }
  const format = query.get('format') ?? undefined
  if (format !== undefined && !(formats as readonly string[]).includes(format)) issues.push(`format: ${formats.join(', ')}`)
  const level = query.has('level') ? Number(query.get('level')) : undefined
  if (level !== undefined && !(Number.isInteger(level) && level >= 1 && level <= 9)) issues.push('level: a whole number from 1 to 9')
  if (query.get('collection') === '') issues.push('collection: a name is missing')
  const options = {
    format: format as FileFormat | undefined,
    gzip: flag('gzip'),
    level,
    force: flag('force'),
    documentsOnly: flag('documentsOnly'),
    collection: query.get('collection') ?? undefined,
    key: keyText(query.get('key') ?? undefined, issues),
    incremental: flag('incremental'),
    backupLog: query.get('backupLog') ?? undefined
  }
  return definedOf(options)
}

function keyText(text: string | undefined, issues: string[]): string | undefined {
  try {
    if (text !== undefined) parseKey(text)
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    issues.push(error.message)
  }
  return text
}

/** @throws {DocferryError} DOCFERRY_CONFIG */
export function keyOption({ key }: FileOptions): KeyNames | undefined {
  return key === undefined ? undefined : parseKey(key)
}

/** What will be written. */
export interface OutputLayout {
  readonly format: 'ndjson' | 'json' | 'folder'
  /** Whether documents are written as DynamoDB's items. */
  readonly items: boolean
  readonly gzip: boolean
  /** Absolute; `-` for standard output. */
  readonly path: string
}

/** @throws {DocferryError} DOCFERRY_CONFIG where nothing tells the format, or two things contradict each other */
export function outputLayout(options: FileOptions): OutputLayout {
  const { path, format, documentsOnly = false } = options
  const named = formatOfName(path)
  const items = format === 'dynamodb-json'
  const looksLikeFolder = path.endsWith('/') || isFolder(path)
  // As the service itself writes it.
  const gzip = options.gzip ?? (named.gzip || (items && looksLikeFolder))
  const said = items ? (looksLikeFolder ? 'folder' : 'ndjson') : format
  const told = said ?? (looksLikeFolder ? 'folder' : (named.format ?? (path === standardStreams || documentsOnly ? 'ndjson' : undefined)))
  const fail = (what: string): never => {
    throw new DocferryError('DOCFERRY_CONFIG', `${path}: ${what}`)
  }
  if (told === 'couchbackup')
    return fail('backups of couchbackup can be read, and are not written: choose ndjson, json, folder or dynamodb-json')
  if (told === undefined) {
    return fail(
      'its name does not tell the format: end it in .ndjson, .json (each perhaps with .gz) or / for a folder, or say --format ndjson or json'
    )
  }
  if (items) keyOption(options)
  else if (options.key !== undefined)
    return fail('a key is of DynamoDB JSON: say --format dynamodb-json (in an address: format=dynamodb-json)')
  if (items && documentsOnly) return fail('DynamoDB JSON holds items only, and documents only is a form of NDJSON: leave one of both away')
  if (told !== 'folder' && looksLikeFolder) return fail(`it is a folder; ${told} is written to one file: name a file in it`)
  if (told === 'folder' && path === standardStreams) return fail('a folder cannot be written to standard output')
  if (told !== 'ndjson' && documentsOnly) return fail(`documents only is a form of NDJSON, and this is ${told}`)
  return { format: told, items, gzip, path: path === standardStreams ? path : resolve(path) }
}

export function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  } catch {
    // Why it can't be looked at is told by whoever reads or writes there.
    return false
  }
}
