/** Imported before docferry's command: at its end, and in a thread whenever it answers, keeps the code of the bundle's modules that were loaded. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import v8 from 'node:v8'
import vm from 'node:vm'
import { parentPort } from 'node:worker_threads'
import { headOfCode } from './bundled.ts'

const scripts = new Map<string, vm.Script>()

vm.Script = class extends vm.Script {
  constructor(code: string, options: vm.ScriptOptions = {}) {
    super(code, options)
    const { filename } = options
    if (filename !== undefined) scripts.set(filename, this)
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
