/** The operating system's errors, as docferry's. */
import { DocferryError } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'

const advice: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder: check the path',
  EACCES: 'this user may not access it: check its permissions',
  EPERM: 'this user may not access it: check its permissions',
  EROFS: 'it is on a file system that can only be read',
  ENOSPC: 'the disk is full: make room or choose another place',
  EDQUOT: 'the quota of this user is used up: make room or choose another place',
  EFBIG: 'the file would be larger than the limit of this process (ulimit -f) or its file system allows',
  EISDIR: 'it is a folder, and a file was wanted',
  ENOTDIR: 'a part of the path is no folder',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
  EPIPE: 'the reader of the pipe has gone',
  EIO: 'the disk reports an error',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links lead in a circle: name the file or folder itself'
}

/** @returns the error itself where it is none of the operating system's */
export function readError(error: unknown, path: string): unknown {
  return translate(error, path, isMissing(error) ? 'DOCFERRY_CONFIG' : 'DOCFERRY_READ', 'read')
}

/** @returns the error itself where it is none of the operating system's */
export function writeError(error: unknown, path: string): unknown {
  return translate(error, path, 'DOCFERRY_TARGET', 'written')
}

function translate(error: unknown, path: string, code: ErrorCode, what: string): unknown {
  if (error instanceof DocferryError || !(error instanceof Error)) return error
  const system = (error as { code?: unknown }).code
  if (typeof system !== 'string' || (error as { syscall?: unknown }).syscall === undefined) return error
  return new DocferryError(code, `${path} can't be ${what} (${system}): ${advice[system] ?? error.message}`, {
    provider: 'file',
    cause: error
  })
}

/** A path that leads nowhere is a mistake in the command, and no trouble with reading. */
function isMissing(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ENOENT'
}
