import type { Command } from 'commander'
import { loadStageSpec, stageSpecs } from '../../registry.ts'
import { coloursOf } from '../environment.ts'
import type { Host } from '../execute.ts'
import { createStyle } from '../text.ts'

/** `docferry stages` */
export function addStagesCommand(program: Command, host: Host): void {
  program
    .command('stages')
    .description(
      'List the built-in stages, for --stage and for the stages of a pipeline; or show one of them: what it does, its options, examples.'
    )
    .argument('[name]', 'a stage')
    .option('--json', 'as one JSON object on standard output, with the JSON Schema of the options')
    .addHelpText('after', helpText)
    .action(async (name: string | undefined, { json = false }: { readonly json?: boolean }) => {
      const { stageJson, stageList, stagePage } = await import('../stages-view.ts')
      const columns = host.stdout.isTTY ? Math.min(host.stdout.columns || 80, 120) : 100
      const view = { columns, style: createStyle(coloursOf(host.env) ?? Boolean(host.stdout.isTTY)) }
      const print = (lines: readonly string[]): void => void host.stdout.write(lines.map(line => `${line}\n`).join(''))
      if (name === undefined) {
        const specs = await Promise.all(Object.values(stageSpecs).map(load => load()))
        print(json ? [JSON.stringify({ stages: specs.map(stageJson) })] : stageList(specs, view))
      } else {
        const spec = await loadStageSpec(name)
        print(json ? [JSON.stringify(stageJson(spec))] : stagePage(spec, view))
      }
    })
}

const helpText = `
Examples:
  $ docferry stages
  $ docferry stages convert
`
