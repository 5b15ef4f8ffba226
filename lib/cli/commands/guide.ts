import { Option } from 'commander'
import type { Command } from 'commander'
import { onIncompatibles, typeModes } from '../../types.ts'
import type { OnIncompatible, Types } from '../../types.ts'
import { coloursOf } from '../environment.ts'
import type { Host } from '../execute.ts'
import { guideMarkdown, guideText } from '../guide-view.ts'
import { addCollectionFlags, choice, required } from '../options.ts'
import type { RunFlags } from '../options.ts'
import { createStyle } from '../text.ts'

interface GuideFlags extends Pick<
  RunFlags,
  'collections' | 'preset' | 'rename' | 'includeDesign' | 'attachments' | 'includeSecurity' | 'subcollections'
> {
  readonly source?: string
  readonly target?: string
  readonly types?: Types
  readonly onIncompatible?: OnIncompatible
  readonly markdown?: boolean
  readonly json?: boolean
}

/** `docferry guide` */
export function addGuideCommand(program: Command, host: Host): void {
  const command = program
    .command('guide')
    .description(
      'Print the steps of a whole migration between two places: backup, checklist, plan, migration, switch of the application, verification, and the way back, with the exact commands. Nothing is connected to; a password in an address is not printed.'
    )
    .option('-s, --source <end>', 'where the documents are: a provider or an address (required)')
    .option('-t, --target <end>', 'where they go: a provider or an address (required)')
  addCollectionFlags(command)
    .addOption(new Option('--types <how>', `as the migration will have it: ${typeModes.join(', ')}`).argParser(choice(typeModes)))
    .addOption(
      new Option('--on-incompatible <how>', `as the migration will have it: ${onIncompatibles.join(', ')}`).argParser(
        choice(onIncompatibles)
      )
    )
    .option('--include-design', "as the migration will have it: CouchDB's design documents too")
    .option('--attachments', "as the migration will have it: CouchDB's attachments too")
    .option('--include-security', "as the migration will have it: CouchDB's _security objects too")
    .option('--subcollections', 'as the migration will have it: ids such as x/runs/y are paths in Firestore')
    .option('--no-subcollections', "as the migration will have it: without Firestore's subcollections")
    .addOption(new Option('--markdown', 'as a Markdown document').conflicts('json'))
    .option('--json', 'as one JSON object')
    .addHelpText('after', helpText)
    .action(async ({ markdown, json, ...flags }: GuideFlags) => {
      const { guide } = await import('../../guide/guide.ts')
      const source = required(flags.source, '--source', 'where the documents are')
      const target = required(flags.target, '--target', 'where they go')
      const made = await guide({ ...flags, source, target })
      const style = createStyle(coloursOf(host.env) ?? Boolean(host.stdout.isTTY))
      const columns = host.stdout.isTTY ? host.stdout.columns || 80 : 100
      const lines = json
        ? [JSON.stringify({ command: 'guide', ...made })]
        : markdown
          ? guideMarkdown(made)
          : guideText(made, { style, columns })
      host.stdout.write(`${lines.join('\n')}\n`)
    })
}

const helpText = `
Examples:
  $ docferry guide --source couchdb --target dynamodb
  $ docferry guide --source couchdb://admin@old:5984?passwordEnv=OLD_PASSWORD --target firestore://my-project --preset gofannon
  $ docferry guide --source dynamodb://us-east-1 --target dynamodb://eu-central-1 --collections agents,users --markdown
`
