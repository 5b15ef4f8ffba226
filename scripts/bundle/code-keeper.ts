/** Imported before docferry's command: at its end, keeps the code of the bundle's modules that it has loaded. */
import { readFileSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import v8 from 'node:v8'
import vm from 'node:vm'
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

process.on('exit', () => {
  for (const [filename, script] of scripts) {
    const code = script.createCachedData()
    writeFileSync(`${filename}.code`, Buffer.concat([headOfCode(readFileSync(filename), code), code]))
  }
})
