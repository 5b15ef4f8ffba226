/** Imported before docferry's command: at its end, and in a thread whenever it answers, keeps the code of the bundle's modules that were loaded. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import v8 from 'node:v8'
import { join } from 'node:path'
import vm from 'node:vm'
import { parentPort } from 'node:worker_threads'
import { calledFolder, headOfCode } from './bundled.ts'

/** Where the modules are is said in this one's address. */
const folder = new URL(import.meta.url).searchParams.get('of')!
const scripts = new Map<string, vm.Script>()

vm.Script = class extends vm.Script {
  constructor(code: string, options: vm.ScriptOptions = {}) {
    super(code, options)
    const { filename } = options
    if (filename?.startsWith(calledFolder)) scripts.set(join(folder, filename.slice(calledFolder.length)), this)
  }
}

// V8 takes no code that was made with other flags, and those of a start are what it begins with.
v8.setFlagsFromString = () => undefined
syncBuiltinESMExports()

/** Whole or not at all: a thread may be ended meanwhile. */
function keep(): void {
  for (const [filename, script] of scripts) {
    const code = script.createCachedData()
    writeFileSync(`${filename}.new`, Buffer.concat([headOfCode(readFileSync(filename), code), code]))
    renameSync(`${filename}.new`, `${filename}.code`)
  }
}

if (parentPort) {
  // A thread is ended when it has answered.
  const port = parentPort
  const post = port.postMessage.bind(port)
  port.postMessage = (...message: Parameters<typeof post>) => {
    keep()
    post(...message)
  }
} else process.on('exit', keep)
