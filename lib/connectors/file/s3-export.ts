/** DynamoDB's exports to S3 as they lie in a folder, after `aws s3 sync`: what there is, and whether all of it is. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { DocferryError } from '../../errors.ts'
import { exportsFolder, filesName, isChecksumOf, readDataFiles, readExportSummary, summaryName } from '../../formats/dynamodb/manifest.ts'
import type { DataFile, ExportSummary } from '../../formats/dynamodb/manifest.ts'
import { manifestName } from '../../formats/export-text.ts'
import { formatOfName } from '../../formats/open-input.ts'
import { listNames } from '../../report.ts'
import { formatCount } from '../../values/format-count.ts'

/** A data file, found. */
export interface FoundFile extends DataFile {
  readonly path: string
  /** Size as it is stored. */
  readonly bytes: number
}

export interface TableExport {
  readonly summary: ExportSummary
  /** From the folder that was named, `.` for that itself. */
  readonly place: string
  readonly files: readonly FoundFile[]
  /** Why it can't be read: a file of it is gone. */
  readonly lost?: string | undefined
  /** What can't be told of it. */
  readonly doubts: readonly string[]
  /** Files among its data that are not its own. */
  readonly others: readonly string[]
}

/** Folders inside one another in which exports are looked for: a prefix of a few parts, `AWSDynamoDB`, the export. */
const maxDepth = 6

/** Folders looked into: whoever names a whole disk by mistake is not kept waiting. */
const mostFolders = 2_000

/**
 * The exports in a folder: that of one export, `AWSDynamoDB`, or one above it.
 *
 * @param incremental whether changes may be read as documents
 * @returns in the order of their tables' names; undefined where there is none, and the folder is another kind of thing
 * @throws {DocferryError} DOCFERRY_CONFIG for exports that can't be read as collections, DOCFERRY_DECODE for damaged manifests
 */
export async function findExports(
  path: string,
  { incremental }: { readonly incremental: boolean }
): Promise<readonly TableExport[] | undefined> {
  const folders = await findFolders(path, 0, { left: mostFolders })
  if (folders.length === 0) return undefined
  const found = await Promise.all(folders.map(folder => readExport(path, folder)))
  for (const each of found) checkKind(join(path, each.place), each.summary, incremental)
  const byTable = new Map<string, TableExport>()
  for (const each of found) {
    const twin = byTable.get(each.summary.table)
    if (twin) throw twoOfOneTable(path, twin, each)
    byTable.set(each.summary.table, each)
  }
  return [...byTable.values()].sort((a, b) => (a.summary.table < b.summary.table ? -1 : 1))
}

/** Folders that hold an export, be it unfinished. */
async function findFolders(path: string, depth: number, budget: { left: number }): Promise<string[]> {
  if (budget.left-- <= 0) return []
  const entries = await readdir(path, { withFileTypes: true })
  const names = new Set(entries.map(({ name }) => name))
  if (names.has(summaryName)) return [path]
  if (names.has(filesName) || names.has(filesName.replace('.json', '.md5'))) throw unfinished(path)
  if (depth === 0) {
    // An export of docferry's own, or other files: no place to look around in.
    if (names.has(manifestName) || [...names].some(name => formatOfName(name).format === 'ndjson')) return []
    if (basename(path) === 'data' && (await hasSummary(dirname(path))))
      throw new DocferryError(
        'DOCFERRY_CONFIG',
        `${path} is the data of a DynamoDB export: name the folder above it, which tells whether it is whole`
      )
  }
  if (depth === maxDepth) return []
  const folders = entries.filter(entry => entry.isDirectory() && entry.name !== 'data' && !/^\.|^node_modules$/.test(entry.name))
  const found: string[] = []
  for (const { name } of folders.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const inside = await findFolders(join(path, name), depth + 1, budget)
    if (inside.length === 0 && basename(path) === exportsFolder) throw unfinished(join(path, name))
    found.push(...inside)
  }
  return found
}

async function hasSummary(path: string): Promise<boolean> {
  return (await readdir(path)).includes(summaryName)
}

async function readExport(root: string, folder: string): Promise<TableExport> {
  const place = relative(root, folder) || '.'
  const doubts: string[] = []
  const summary = readExportSummary(await readManifest(folder, summaryName, doubts), join(folder, summaryName))
  const listed = readDataFiles(await readManifest(folder, filesName, doubts), join(folder, filesName))
  const sum = listed.reduce((total, { itemCount }) => total + itemCount, 0)
  if (sum !== summary.itemCount)
    throw new DocferryError(
      'DOCFERRY_DECODE',
      `${folder}: ${summaryName} speaks of ${formatCount(summary.itemCount)} items, the files of ${filesName} of ${formatCount(sum)}: download both again`
    )
  const unchecked = listed.filter(({ md5 }) => md5 === undefined).length
  if (unchecked > 0)
    doubts.push(`${folder}: ${unchecked} of its data files have no MD5 in ${filesName}: that they were not changed can't be told`)
  const files: FoundFile[] = []
  const missing: string[] = []
  for (const each of listed) {
    const found = await findData(folder, each.file)
    if (found) files.push({ ...each, ...found })
    else missing.push(each.file)
  }
  const lost =
    missing.length === 0
      ? undefined
      : `${folder}: of its ${formatCount(listed.length)} data files ${formatCount(missing.length)} are missing (${listNames(missing, 3)}): download them again`
  const own = new Set(listed.map(({ file }) => file))
  const beside = await readdir(join(folder, 'data')).catch(() => [])
  const others = beside.filter(name => !own.has(name)).map(name => join(place, 'data', name))
  return { summary, place, files, lost, doubts, others }
}

/** Data lies in the export's folder or, of incremental exports, in one that they share. */
async function findData(folder: string, file: string): Promise<{ readonly path: string; readonly bytes: number } | undefined> {
  for (const path of [join(folder, 'data', file), join(dirname(folder), 'data', file)]) {
    const stats = await stat(path).catch((error: { code?: unknown }) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
      throw error
    })
    if (stats?.isFile()) return { path, bytes: stats.size }
  }
  return undefined
}

async function readManifest(folder: string, name: string, doubts: string[]): Promise<string> {
  const path = join(folder, name)
  const content = await readFile(path).catch((error: { code?: unknown }) => {
    if (error.code === 'ENOENT') throw unfinished(folder)
    throw error
  })
  const checks = await Promise.all(
    ['.md5', '.checksum'].map(ending => readFile(path.replace(/\.json$/, ending), 'latin1').catch(() => undefined))
  )
  const checksum = checks.find(each => each !== undefined)
  const isRight = checksum === undefined ? undefined : isChecksumOf(content, checksum)
  if (isRight === false)
    throw new DocferryError('DOCFERRY_DECODE', `${path} is not what its checksum beside it is of: it was changed or cut. Download it again`)
  if (isRight === undefined) doubts.push(`${path} has no checksum beside it that can be checked: that it was not changed can't be told`)
  return content.toString()
}

function checkKind(path: string, { outputFormat, isIncremental, table, time }: ExportSummary, incremental: boolean): void {
  if (outputFormat !== 'DYNAMODB_JSON')
    throw new DocferryError(
      'DOCFERRY_CONFIG',
      `${path} is an export of ${table} in ${outputFormat}, which docferry does not read: export the table again with --export-format DYNAMODB_JSON`
    )
  if (isIncremental === incremental) return
  throw new DocferryError(
    'DOCFERRY_CONFIG',
    isIncremental
      ? `${path} is an incremental export of ${table}, ${time}: what has changed, and no whole table. Name a full export; or, to bring a copy of the table up to date, ` +
          'read it with --incremental (in an address: ?incremental=true) and --on-conflict overwrite: changed items are written, and each deleted one is told as a dead letter'
      : `${path} is a full export of ${table}, and no incremental one: leave --incremental away`
  )
}

function twoOfOneTable(path: string, a: TableExport, b: TableExport): DocferryError {
  const [older, newer] = [a, b].sort((one, other) => (one.summary.time < other.summary.time ? -1 : 1)) as [TableExport, TableExport]
  const name = ({ place, summary }: TableExport): string => `${place} (${summary.time})`
  return new DocferryError(
    'DOCFERRY_CONFIG',
    `${path} holds two exports of the table ${a.summary.table}, ${name(older)} and ${name(newer)}: name the folder of the one to read, as in file:${join(path, newer.place)}`
  )
}

function unfinished(folder: string): DocferryError {
  return new DocferryError(
    'DOCFERRY_CONFIG',
    `${folder} is an export without its manifests (${summaryName}, ${filesName}): it has not come to its end, or not all of it was downloaded`
  )
}
