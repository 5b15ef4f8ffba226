import { Option } from 'commander'
import type { Command } from 'commander'
import { parseEndpoint } from '../../config/endpoint.ts'
import { onIncompatibles, typeModes } from '../../types.ts'
import type { OnIncompatible, Types } from '../../types.ts'
import type { VerifyOptions } from '../../verify/options.ts'
import type { CommonFlags } from '../execute.ts'
import { addCollectionFlags, addCommonFlags, addDocumentFlags, choice, rate, share, unitRate, wholeNumber } from '../options.ts'
import type { RunFlags } from '../options.ts'

/** A verify command, understood. */
export interface VerifyJob {
  readonly options: Omit<VerifyOptions, 'stages' | 'environment' | 'signal' | 'logger' | 'observe' | 'retry' | 'settleMs'>
  /** As text, for `parseStage`. */
  readonly stages?: readonly string[]
  readonly flags: CommonFlags
}

export interface VerifyFlags
  extends
    CommonFlags,
    Pick<RunFlags, 'collections' | 'preset' | 'rename' | 'stage' | 'includeDesign' | 'keepMetadata' | 'parallel' | 'maxRate' | 'maxRcu'> {
  readonly source?: string
  readonly target?: string
  readonly receipt?: string
  readonly types?: Types
  readonly onIncompatible?: OnIncompatible
  readonly quick?: boolean
  readonly sample?: number
  readonly allowExtra?: boolean
  readonly showValues?: boolean
  readonly differences?: string
  readonly stateDir: string
}

/** `docferry verify` */
export function addVerifyCommand(program: Command, run: (job: VerifyJob) => Promise<void>): void {
  const command = program
    .command('verify')
    .summary('prove that a target holds what a source holds, or what a run wrote')
    .description(
      'Compare every document of a target with the source, with what a run wrote, or with a receipt, and name each that is missing, extra or different. Nothing is written to either. Give --types, --stage and the like as in the run.'
    )
    .argument('[run]', 'the id of a run, as docferry runs shows it: what was asked is taken from its record')
    .option('-s, --source <end>', 'where the documents came from')
    .option('-t, --target <end>', 'where they went')
    .option('--receipt <file>', "instead of a source: a run's receipt.json, or an export with a receipt at its end")
  addDocumentFlags(addCollectionFlags(command), { design: true })
    .addOption(new Option('--types <how>', `as in the run: ${typeModes.join(', ')}`).argParser(choice(typeModes)))
    .addOption(new Option('--on-incompatible <how>', `as in the run: ${onIncompatibles.join(', ')}`).argParser(choice(onIncompatibles)))
    .option('--quick', 'compare the numbers of documents, and nothing else')
    .option('--sample <share>', 'compare about this share of the documents, the same ones on both sides: 1%; all are read', share)
    .option('--allow-extra', 'documents that only the target holds are no difference')
    .option('--show-values', 'show the values that differ too, not only where they are')
    .option('--differences <file>', 'write the list of all differences there, as NDJSON: collection, id, kind, paths')
    .addOption(new Option('--parallel <n>', 'slices of collections at once, on each side').default(4).argParser(wholeNumber(1, 64)))
    .option('--max-rate <n>', 'most documents a second that are read of each side: 500/s', rate)
    .option('--max-rcu <n>', 'most read units a second of each DynamoDB', unitRate)
    .addHelpText('after', helpText)
  addCommonFlags(command).action((runId: string | undefined, flags: VerifyFlags) => run(verifyJob(runId, flags)))
}

export function verifyJob(run: string | undefined, flags: VerifyFlags): VerifyJob {
  const { source, target, maxRcu: maxReadUnits, receipt, stage } = flags
  const { collections, preset, rename, types, onIncompatible, includeDesign, keepMetadata, stateDir } = flags
  const { quick, sample, allowExtra, showValues, differences, parallel, maxRate } = flags
  const asked = { run, receipt, collections, preset, rename, types, onIncompatible, includeDesign, keepMetadata, stateDir }
  const how = { quick, sample, allowExtra, showValues, differences, parallel, maxRate, maxReadUnits }
  const ends = {
    ...(source !== undefined && { source: parseEndpoint(source, '--source').text }),
    ...(target !== undefined && { target: parseEndpoint(target, '--target').text })
  }
  const given = Object.fromEntries(Object.entries({ ...asked, ...how }).filter(([, value]) => value !== undefined))
  return { options: { ...given, ...ends }, ...(stage && { stages: stage }), flags }
}

const helpText = `
Exits with 0 only when all is equal, and with 60 on any difference.

Examples:
  $ docferry verify --source couchdb --target dynamodb
  $ docferry verify --source couchdb --target firestore --collections agents,users --sample 1%
  $ docferry verify 2026-11-22T10-15-00-a1b2c3
  $ docferry verify --receipt receipt.json --target dynamodb
  $ docferry verify --source backup.ndjson.gz --target couchdb --differences differences.ndjson
`
