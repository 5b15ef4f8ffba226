/**
 * Named pipes, opened without waiting for the other end: that would block one of Node's threads, and the process waits for its threads
 * before it ends, however often it is interrupted.
 */
import { constants, createReadStream, openSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'

/** Comes to its end when whoever has written into it leaves, and not before somebody has. */
export function readPipe(path: string): Readable {
  // Elsewhere a pipe that nobody writes into yet is at its end.
  if (process.platform !== 'linux') return createReadStream(path)
  return new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false })
}

/** What has a name, be it a file or a pipe. */
export async function readAny(path: string, options?: { readonly highWaterMark: number }): Promise<Readable> {
  return (await stat(path)).isFIFO() ? readPipe(path) : createReadStream(path, options)
}

/** Between two looks whether somebody reads. */
const lookMs = 50

/** Waits for who reads it: opened for reading too, it would take what nobody ever gets. */
export async function writePipe(path: string, signal: AbortSignal | undefined): Promise<Writable> {
  for (;;) {
    signal?.throwIfAborted()
    try {
      const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
      return new Socket({ fd, readable: false, writable: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
    }
    await setTimeout(lookMs, undefined, { signal }).catch((error: unknown) => {
      throw signal?.reason ?? error
    })
  }
}
