/**
 * Has the disk take what is written while more is written: whoever makes it durable in the end, or at a checkpoint, waits for little then, where
 * otherwise everything stands still until the system has brought all of it there.
 */
import fs from 'node:fs'
import { close, open, write } from './near-files.ts'

/** A tenth of a second's writing, about; what is shorter waits for no long time anyway. */
const everyBytes = 32 << 20
/** What comes before is little, and often all. */
const nearBytes = 256 << 10

export interface SyncingFs {
  open: typeof fs.open
  write: typeof fs.write
  writev: typeof fs.writev
  close: typeof fs.close
}

/**
 * What a write stream does its work by.
 *
 * @param onError told where the disk does not take what was written: the system says so only once
 */
export function syncAhead(onError: (error: Error) => void): SyncingFs {
  let bytes = 0
  let isMuch = false
  let isSyncing = false
  let whenSynced: (() => void) | undefined
  const wrote = (fd: number, count: number): void => {
    bytes += count
    isMuch ||= bytes >= nearBytes
    if (bytes < everyBytes || isSyncing) return
    bytes = 0
    isSyncing = true
    fs.fdatasync(fd, error => {
      isSyncing = false
      if (error) onError(error)
      whenSynced?.()
    })
  }
  type Done = (error: NodeJS.ErrnoException | null, written: number, buffers: unknown) => void
  const telling =
    (fd: number, done: Done): Done =>
    (error, written, buffers) => {
      if (!error) wrote(fd, written)
      done(error, written, buffers)
    }
  return {
    open: ((path: string, flags: string, mode: number, done: (error: NodeJS.ErrnoException | null, fd?: number) => void) =>
      void open(path, flags, mode).then(fd => done(null, fd), done)) as typeof fs.open,
    write: ((fd: number, data: Buffer, from: number, length: number, at: number | null, done: Done) => {
      const told = telling(fd, done)
      if (isMuch || length >= nearBytes) return fs.write(fd, data, from, length, at, told)
      write(fd, data.subarray(from, from + length), at ?? null).then(
        written => told(null, written, data),
        error => told(error as NodeJS.ErrnoException, 0, data)
      )
    }) as typeof fs.write,
    writev: ((fd: number, data: NodeJS.ArrayBufferView[], at: number | null, done: Done) =>
      fs.writev(fd, data, at as number, telling(fd, done))) as typeof fs.writev,
    close: ((fd: number, done: fs.NoParamCallback) => {
      if (isSyncing) whenSynced = () => fs.close(fd, done)
      else void close(fd).then(() => done(null), done)
    }) as typeof fs.close
  }
}
