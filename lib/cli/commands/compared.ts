/** What verify and repair are asked alike: two ends, or a run, and what decides which documents are compared. */
import { Option } from 'commander'
import type { Command } from 'commander'
import { parseEndpoint } from '../../config/endpoint.ts'
import { onIncompatibles, typeModes } from '../../types.ts'
import type { OnIncompatible, Types } from '../../types.ts'
import { addCollectionFlags, addDocumentFlags, choice } from '../options.ts'
import type { RunFlags } from '../options.ts'
import { definedOf } from '../../values/defined.ts'

export interface ComparedFlags extends Pick<
  RunFlags,
  'collections' | 'preset' | 'rename' | 'stage' | 'includeDesign' | 'attachments' | 'includeSecurity' | 'keepMetadata' | 'subcollections'
> {
  readonly source?: string
  readonly target?: string
  readonly types?: Types
  readonly onIncompatible?: OnIncompatible
  readonly differences?: string
  readonly stateDir: string
}

export function addComparedArguments(command: Command): Command {
  return command
    .argument('[run]', 'the id of a run, as docferry runs shows it: what was asked is taken from its record')
    .option('-s, --source <end>', 'where the documents came from')
    .option('-t, --target <end>', 'where they went')
}

export function addComparedFlags(command: Command): Command {
  return addDocumentFlags(addCollectionFlags(command), { design: true })
    .addOption(new Option('--types <how>', `as in the run: ${typeModes.join(', ')}`).argParser(choice(typeModes)))
    .addOption(new Option('--on-incompatible <how>', `as in the run: ${onIncompatibles.join(', ')}`).argParser(choice(onIncompatibles)))
}

/**
 * @param how what else was asked, by names of options; what is undefined is left out
 * @throws {DocferryError} DOCFERRY_USAGE for what is no address
 */
export function comparedOptions<How extends object>(run: string | undefined, flags: ComparedFlags, how: How) {
  const { source, target, collections, preset, rename, types, onIncompatible, includeDesign, keepMetadata, subcollections } = flags
  const { differences, stateDir, attachments, includeSecurity } = flags
  const asked = {
    run,
    collections,
    preset,
    rename,
    types,
    onIncompatible,
    includeDesign,
    attachments,
    includeSecurity,
    keepMetadata,
    subcollections,
    differences,
    stateDir,
    ...how
  }
  return {
    ...definedOf(asked),
    ...(source !== undefined && { source: parseEndpoint(source, '--source').text }),
    ...(target !== undefined && { target: parseEndpoint(target, '--target').text })
  }
}
