/** A folder of its own for each spec, and short ways to write and read. */
import { readdirSync, readlinkSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Document, Logger, Page, Partition, Source, Target } from '../../../lib/types.ts'
import { fileConnector } from '../../../lib/connectors/file/index.ts'
import type { FileOptions } from '../../../lib/connectors/file/index.ts'

export interface Logged extends Logger {
  readonly warnings: string[]
}

export function makeLogger(): Logged {
  const warnings: string[] = []
  const ignore = (): void => undefined
  return { warnings, debug: ignore, info: ignore, error: ignore, warn: (_, message) => void warnings.push(message) }
}

/** Call in a `describe`. @returns a path in the folder of the running spec */
export function useFolder(): (...names: string[]) => string {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'docferry-spec-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))
  return (...names) => join(folder, ...names)
}

export function target(options: FileOptions, logger: Logger = makeLogger()): Promise<Target> {
  return fileConnector.openTarget(options, { logger })
}

export function source(options: FileOptions, logger: Logger = makeLogger()): Promise<Source> {
  return fileConnector.openSource(options, { logger })
}

export type Collections = Readonly<Record<string, readonly Document[]>>

/** Write collections one after the other, as a run does: all are prepared before the first write. */
export async function fill(target: Target, collections: Collections): Promise<void> {
  for (const name of Object.keys(collections)) await target.prepare(name, { create: true })
  for (const [name, documents] of Object.entries(collections)) await put(target, name, documents)
}

export async function put(target: Target, collection: string, documents: readonly Document[], fresh = true): Promise<readonly unknown[]> {
  const encoded = documents.map(document => {
    const result = target.encode(collection, document)
    if ('code' in result) throw new Error(result.message)
    return result
  })
  return await target.write(collection, encoded, { onConflict: 'skip', fresh })
}

export async function writeWhole(options: FileOptions, collections: Collections): Promise<void> {
  const opened = await target(options)
  try {
    await fill(opened, collections)
    await opened.commit({})
  } finally {
    await opened.close()
  }
}

/** Everything that a source holds: `collection -> documents`. */
export async function readWhole(options: FileOptions, wanted: readonly string[] | null = null): Promise<Record<string, Document[]>> {
  const opened = await source(options)
  try {
    const found: Record<string, Document[]> = {}
    for (const info of (await opened.collections({})) ?? []) if (!wanted || wanted.includes(info.name)) found[info.name] = []
    for (const partition of await opened.partitions(wanted, { wanted: 4 })) {
      for (const page of await pagesOf(opened, partition)) (found[page.collection] ??= []).push(...page.documents)
    }
    return found
  } finally {
    await opened.close()
  }
}

export async function pagesOf(opened: Source, partition: Partition, options: Parameters<Source['read']>[1] = {}): Promise<Page[]> {
  const pages: Page[] = []
  for await (const page of opened.read(partition, options)) pages.push(page)
  return pages
}

/** The code and message that some work fails with. */
export async function failure(
  work: Promise<unknown> | (() => Promise<unknown>)
): Promise<{ readonly code: string; readonly message: string }> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string }
    return { code: String(code), message }
  }
  return { code: 'none', message: '' }
}

/** Paths of what this process has open; none where the system does not tell. */
export function openFiles(): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc/self/fd').map(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
}
