/** Modules of a user's own (stages, pipelines), told from docferry's code by the frames of a stack. */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeError, DocferryError } from '../errors.ts'

/** Where docferry's own modules are, each by itself; those of bundles go by a name of their own wherever they are (`scripts/bundle/bundled.ts`). */
const ownFolders = ['../', '../../bundle/'].map(path => fileURLToPath(new URL(path, import.meta.url)))
const bundled = 'docferry/dist/bundle/'

/** More than a stack has by default: a user's code may call through a library. */
const frames = 50

/**
 * @param folder what the place is told relative to, where it lies below
 * @returns `mask.ts:3`: the innermost code that is docferry's or a user's, where it is a user's. What libraries do is done for whoever calls them
 */
export function userPlace(stack: string, folder: string): string | undefined {
  for (const [, file, line] of stack.matchAll(
    /^ +at (?:.*\()?(?:async )?((?:file:\/\/)?(?:\/|[A-Za-z]:\\|docferry\/dist\/bundle\/).*?):(\d+)(?::\d+)?\)?$/gm
  )) {
    if (file!.startsWith(bundled)) return undefined
    const path = pathOf(file!)
    if (ownFolders.some(own => path.startsWith(own))) return undefined
    if (/[\\/]node_modules[\\/]/.test(path)) continue
    const short = relative(folder, path)
    return `${short.startsWith('..') ? path : short}:${line}`
  }
  return undefined
}

/** What nobody caught, with its cause as a module of the user's own where that has thrown it. */
export function uncaught(error: unknown, folder: string): unknown {
  const place = error instanceof Error && !(error instanceof DocferryError) ? userPlace(error.stack ?? '', folder) : undefined
  if (place === undefined) return error
  const what = `${place} has thrown what nobody catches, outside of its answer for a document: ${describeError(error)}`
  return new DocferryError('DOCFERRY_STAGE', what, { cause: error })
}

/** To be called by what listens to the end of the process. @returns undefined where docferry's own code ends it, with an exit code that says so */
export function endedBy(exitCode: number, folder: string): unknown {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = frames
  const error = new Error('something has ended the process in the middle of the command (process.exit)')
  Error.stackTraceLimit = stackTraceLimit
  // From the call on, which is not ours.
  const [, caller = ''] = /\n +at (?:process\.exit|process\.reallyExit|exit) .*\n([^]*)/.exec(error.stack ?? '') ?? []
  const place = userPlace(caller, folder)
  if (place === undefined) return exitCode === 0 ? error : undefined
  return new DocferryError('DOCFERRY_STAGE', `${place} has ended the process in the middle of the command (process.exit)`)
}

function pathOf(file: string): string {
  return file.startsWith('file:') ? fileURLToPath(file.replace(/\?.*$/, '')) : file
}
