/** The migration itself, and what is done once the application stands still. */
import type { End } from './ends.ts'
import { switchStep } from './configuration.ts'
import { sharedFlags } from './options.ts'
import type { GuideOptions } from './options.ts'
import type { GuideCommand, GuideStep } from './report.ts'

/** Files that take the ids of the runs, for the commands that follow: a run that was refused is in none. */
const mainRuns = 'migrate.runs'
const deltaRuns = 'migrate-delta.runs'
/** Both, and no others. */
export const allRuns = 'migrate*.runs'
const mainRun = `"$(tail -n 1 ${mainRuns})"`

export function migrateSteps(source: End, target: End, options: GuideOptions): GuideStep[] {
  const ends = `--source ${source.shell} --target ${target.shell}${sharedFlags(options)}`
  const isBetweenCouchdbs = source.provider === 'couchdb' && target.provider === 'couchdb'
  return [
    {
      part: 'migrate',
      title: 'Migrate, while the application still runs',
      commands: [
        { text: `rm -f ${allRuns}`, when: 'an earlier migration has left them' },
        { text: `docferry migrate ${ends} --plan plan.json --run-id-file ${mainRuns}` }
      ],
      notes: [`${mainRuns} takes the id of this run, from where the commands below have it: give them in this folder.`]
    },
    ...(isBetweenCouchdbs ? [replicateStep(source, target, options)] : []),
    {
      part: 'migrate',
      title: 'Watch it, from another terminal',
      commands: [{ text: `docferry check ${mainRun}`, when: 'while it runs' }]
    },
    ...goOnStep(target),
    {
      part: 'migrate',
      title: 'Verify',
      commands: [{ text: `docferry check ${mainRun} --output check-after-run.md` }],
      notes: [
        'It reads all of the target and compares it with what the run wrote. Exit 60: there are differences, and docferry verify names each.'
      ]
    }
  ]
}

/** A snapshot of memory is begun anew, and a file has no dead letters that could be written to it later. */
function goOnStep(target: End): GuideStep[] {
  const resume = { text: `docferry resume ${mainRun}`, when: 'it was interrupted, or has failed: once the cause is mended' }
  const retry = { text: `docferry retry ${mainRun}`, when: 'there are dead letters: once their cause is mended' }
  const commands = [...(target.provider === 'memory' ? [] : [resume]), ...(target.isWhole ? [] : [retry])]
  return commands.length === 0 ? [] : [{ part: 'migrate', title: 'Go on, where something was in the way', commands }]
}

function replicateStep(source: End, target: End, options: GuideOptions): GuideStep {
  const { collections, preset, rename } = options
  const named = { source: options.source, target: options.target, collections, preset, rename }
  const when = 'in place of the run above, where revisions, attachments and deletions are to be kept'
  const replicate = `docferry replicate --source ${source.shell} --target ${target.shell}${sharedFlags(named)}`
  return {
    part: 'migrate',
    title: "Or have CouchDB's own replicator do it",
    commands: [
      { text: replicate, when },
      { text: `${replicate} --continuous`, when: 'to have the target follow the source until the switch' },
      { text: 'docferry replicate list --on target', when: 'to see it' }
    ].map(command => ({ ...command, text: command.text.replace('--on target', `--on ${target.shell}`) })),
    notes: [
      'A continuous replication is cancelled before the switch: docferry replicate cancel ID. A rollback then is the removal of what it created.'
    ]
  }
}

export function switchSteps(source: End, target: End, options: GuideOptions): GuideStep[] {
  const ends = `--source ${source.shell} --target ${target.shell}${sharedFlags(options)}`
  return [
    {
      part: 'switch',
      title: 'Stop the application',
      people: ['stop it, or make it read-only: from here on nobody writes to the source', 'note the time: the downtime begins']
    },
    {
      part: 'switch',
      title: 'Bring over what was written meanwhile',
      commands: deltaCommands(source, target, options),
      notes: deltaNotes(target, options)
    },
    {
      part: 'switch',
      title: 'Verify both sides, now that nothing moves',
      commands: [{ text: `docferry check ${ends} --after --output check-after.md` }],
      notes: [
        'Every document of both sides is compared. Do not go on before it exits with 0: start the application on the source again instead.'
      ]
    },
    switchStep(target)
  ]
}

function deltaNotes(target: End, { attachments }: GuideOptions): string[] {
  if (target.provider === 'file') return ['A file is made as a whole: it is written anew.']
  if (attachments) return ['It replaces every document, also those that are equal, and keeps nothing of them: undo then leaves these.']
  return ['--dry-run exits with 60 where there is anything to do.']
}

function deltaCommands(source: End, target: End, options: GuideOptions): GuideCommand[] {
  const ends = `--source ${source.shell} --target ${target.shell}${sharedFlags(options)}`
  if (target.provider === 'file')
    return [{ text: `docferry migrate ${ends} --force --run-id-file ${mainRuns}`, when: 'the source was changed since' }]
  // What is repaired could not be kept with its attachments.
  if (options.attachments)
    return [
      {
        text: `docferry migrate ${ends} --on-conflict overwrite --run-id-file ${deltaRuns}`,
        when: 'the source was changed since; what was deleted there meanwhile stays'
      }
    ]
  return [
    { text: `docferry repair ${ends} --dry-run` },
    { text: `docferry repair ${ends} --run-id-file ${deltaRuns}` },
    {
      text: `docferry repair ${ends} --delete-extra --run-id-file ${deltaRuns}`,
      when: 'documents were deleted in the source meanwhile, and the target held none of its own'
    }
  ]
}
