/** Where the code of a thread is: beside this module, or beside the file that it is bundled into. */

/** @param name of a module in this folder, which calls `doTasks` */
export function threadFile(name: 'thread' | 'pack-in-thread'): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`./${name}.${extension}`, import.meta.url)
}
