/**
 * The bundler's ES modules as bodies of functions, which `bundled.ts` calls: of an ES module Node 20 keeps no compiled code. The bundler writes imports
 * and exports in few forms; whatever is none of these ends the build. Lines stay where they are, for source maps.
 */

const importForm = /^import (?:(\{[^}]*\}|\* as [\w$]+|[\w$]+) from )?"([^"]+)";$/gm
const exportForm = /^export \{([^}]*)\};$/gm
const defaultForm = /^export default (.*);$/gm

/**
 * The whole text of a file that `bundled.ts` loads, which takes its bytes for characters.
 *
 * @param code of a module of the bundle
 */
export function functionOf(code: string): string {
  // The bundler escapes what stands anywhere else.
  const ascii = code.replace(/^\s*\/\/.*/gm, comment => comment.replace(/[^\0-\x7f]/g, '?'))
  if (/[^\0-\x7f]/.test(ascii)) throw new Error('a module of the bundle is not of ASCII alone')
  return `(function (exports, require, loadBundled, importModule, metaUrl) {'use strict';${commonJsOf(ascii)}\n})\n`
}

/** @param code of a module of the bundle */
export function commonJsOf(code: string): string {
  const changed = code
    .replace(importForm, (_, names: string | undefined, from: string) => `${bindingOf(names)}${callOf(from)};`)
    .replace(exportForm, (_, names: string) => `Object.assign(exports, {${names.replace(/([\w$]+) as ([\w$]+)/g, '$2: $1')}});`)
    .replace(defaultForm, (_, value: string) => `exports.default = ${value};`)
    .replace(/\bimport\("(\.\/[^"]+)"\)/g, (_, from: string) => `Promise.resolve().then(() => ${callOf(from)})`)
    .replace(/(?<![.#\w$])import\(/g, 'importModule(')
    .replaceAll('import.meta.url', 'metaUrl')
  const left = /^(?:import|export)\b.*/m.exec(changed)
  if (left) throw new Error(`no form of an import or export that is known: ${left[0]}`)
  // Their exports get their values later than at the module's end.
  if (/\b__esm\(/.test(changed))
    throw new Error('a module of the bundle begins only when it is asked for: its exports would be read too early')
  return changed
}

function bindingOf(names: string | undefined): string {
  if (names === undefined) return ''
  if (names.startsWith('{')) return `const ${names.replace(/([\w$]+) as ([\w$]+)/g, '$1: $2')} = `
  return `const ${names.replace('* as ', '')} = `
}

function callOf(from: string): string {
  return from.startsWith('./') ? `loadBundled(${JSON.stringify(from.slice(2))})` : `require(${JSON.stringify(from)})`
}
