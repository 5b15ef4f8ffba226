/** Small JSON files that a run lives by: written whole or not at all, and recognised when they are not. */
import { createHash, randomBytes } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { syncFolder } from '../engine/atomic-file.ts'
import { close, open, readdir, readText, removeFile, rename, sync, writeAll } from '../engine/near-files.ts'
import { DocferryError, describeError } from '../errors.ts'
import { parseText } from '../values/index.ts'

/** Version of the form; a newer docferry reads older ones, not the other way round. */
const formVersion = 1
/** Of a file whose content is a part of it, with the rest elsewhere: a docferry that does not know where must not take it for all. */
export const formOfPart = 2
/** Of a checkpoint with an output, whose parts have names: a file's sections were a list. */
export const formOfOutput = 3

/**
 * Replace a state file: readable by its owner only, on disk when this resolves, and either the old or the new one at every moment.
 *
 * @param kind what it holds: `run`, `checkpoint`
 * @throws {DocferryError} DOCFERRY_STATE
 */
export async function writeState(path: string, kind: string, content: object): Promise<void> {
  await replaceFile(path, stateBytes(kind, content))
}

/**
 * A state file's bytes, in parts.
 *
 * @param take gives a place of at least so many bytes for the content
 */
export function stateBytes(
  kind: string,
  content: object,
  take = (least: number): Buffer => Buffer.allocUnsafeSlow(least),
  form = formVersion
): readonly Buffer[] {
  // As bytes, once: a checkpoint of thousands of collections has tens of megabytes.
  const text = JSON.stringify(content)
  const place = take(Buffer.byteLength(text))
  const body = place.subarray(0, place.write(text))
  const head = `{"docferry":${JSON.stringify(kind)},"form":${form},"sha256":"${digestOf(body)}","content":`
  return [Buffer.from(head), body, Buffer.from('}\n')]
}

/** The same for any text, or parts of it or bytes one behind the other. @throws {DocferryError} DOCFERRY_STATE */
export async function replaceFile(path: string, content: string | Iterable<string | Buffer>): Promise<void> {
  const partial = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}`)
  try {
    const file = await open(partial, 'wx', 0o600)
    try {
      for (const part of typeof content === 'string' ? [content] : content)
        await writeAll(file, typeof part === 'string' ? Buffer.from(part) : part)
      await sync(file)
    } finally {
      await close(file)
    }
    await rename(partial, path)
    await syncFolder(dirname(path))
  } catch (error) {
    // What is wrong with the folder is said by the first that failed.
    await removeFile(partial).catch(() => undefined)
    throw new DocferryError('DOCFERRY_STATE', `${path} can't be written: ${describeError(error)}`, { cause: error })
  }
}

/** Have what the system says against work in a state folder told as such. @param what can't be done @throws {DocferryError} DOCFERRY_STATE */
export async function inState<Answer>(what: string, work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DocferryError || typeof (error as { code?: unknown }).code !== 'string') throw error
    throw new DocferryError('DOCFERRY_STATE', `${what}: ${describeError(error)}`, { cause: error })
  }
}

/** Whether a file of that name is one that was being written. */
export function isPartialState(name: string): boolean {
  return /^\..+\.[0-9a-f]{8}$/.test(name)
}

/** Remove what a process that was killed has left half written in a folder. @throws {DocferryError} DOCFERRY_STATE */
export async function removePartialStates(folder: string): Promise<void> {
  await inState(`${folder} can't be cleared of what was half written`, async () => {
    const left = (await readdir(folder)).filter(isPartialState)
    await Promise.all(left.map(name => removeFile(join(folder, name))))
  })
}

/**
 * @returns the content; undefined where there is no such file
 * @throws {DocferryError} DOCFERRY_STATE, saying what is wrong with the file: torn, changed, another kind, of a newer docferry
 */
export async function readState(path: string, kind: string): Promise<unknown> {
  let text: string
  try {
    text = await readText(path)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw new DocferryError('DOCFERRY_STATE', `${path} can't be read: ${describeError(error)}`, { cause: error })
  }
  const wrong = (why: string): DocferryError => new DocferryError('DOCFERRY_STATE', `${path} can't be used: ${why}`)
  const head = /^\{"docferry":"([a-z-]+)","form":([1-9]\d*),"sha256":"([0-9a-f]{64})","content":/.exec(text)
  if (!head) throw wrong(text.startsWith('{"docferry":') ? 'it is cut off' : "it is no file of docferry's")
  const [start, found, form, digest] = head as unknown as [string, string, string, string]
  if (Number(form) > formOfOutput) throw wrong(`it is of a newer docferry (form ${form})`)
  const body = text.slice(start.length, -2)
  if (!text.endsWith('}\n') || digestOf(body) !== digest) throw wrong('it is cut off, or was changed: its checksum does not match')
  if (found !== kind) throw wrong(`it holds a ${found}, and a ${kind} is wanted`)
  return parseText(body)
}

function digestOf(body: string | Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}
