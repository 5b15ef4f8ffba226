import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { replaceFile, sideFileError } from '../../engine/atomic-file.ts'
import { DocferryError } from '../../errors.ts'
import type { Host } from '../execute.ts'

/** `docferry schema` */
export function addSchemaCommand(program: Command, host: Host): void {
  program
    .command('schema')
    .description('Print the JSON Schema (draft 2020-12) of pipeline files, by which an editor completes and checks them.')
    .option('--output <file>', 'write it there instead; a schema that is there already is replaced')
    .addHelpText('after', helpText)
    .action(async ({ output }: { readonly output?: string }) => {
      const { pipelineSchema, schemaTitle } = await import('../../pipeline/file-schema.ts')
      const text = `${JSON.stringify(await pipelineSchema(), null, 2)}\n`
      if (output === undefined || output === '-') host.stdout.write(text)
      else await save(resolve(host.cwd(), output), output, text, schemaTitle)
    })
}

/** @throws {DocferryError} DOCFERRY_OUTPUT_EXISTS where something else stands there */
async function save(path: string, name: string, text: string, title: string): Promise<void> {
  if (!mayReplace(path, title))
    throw new DocferryError('DOCFERRY_OUTPUT_EXISTS', `${name} exists already and is no schema of docferry's: give --output another name`)
  try {
    await replaceFile(path, text)
  } catch (error) {
    throw sideFileError(`the schema can't be written to ${name}`, error)
  }
}

function mayReplace(path: string, title: string): boolean {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { title?: unknown } | null)?.title === title
  } catch (error) {
    // What can't be read for another reason is told when it is written.
    return (error as NodeJS.ErrnoException).code !== undefined
  }
}

const helpText = `
In a pipeline file, an editor finds it by the first line:
  # yaml-language-server: $schema=./pipeline.schema.json

Examples:
  $ docferry schema --output pipelines/pipeline.schema.json
`
