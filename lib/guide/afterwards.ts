/** After the switch, and the way back. */
import { configurationOf } from './configuration.ts'
import type { End } from './ends.ts'
import { allOfCouchdb, collectionFlags, reverseFlags } from './options.ts'
import type { GuideOptions } from './options.ts'
import { allRuns } from './migrate.ts'
import { bucketPrefix, copyOf, exportName } from './prepare.ts'
import type { GuideCommand, GuideStep } from './report.ts'

/** The steps can be gone through again: nothing is in the way, and no old plan or backup is taken for the new one. */
const putAway = `PASS=pass-$(date +%Y%m%d-%H%M%S); mkdir "$PASS"; for FILE in before-migration.* target-before.* plan.json refused.ndjson check-*.md ${allRuns}; do [ ! -e "$FILE" ] || mv "$FILE" "$PASS"; done`

export function afterwardsSteps(source: End, target: End): GuideStep[] {
  return [
    {
      part: 'afterwards',
      title: 'Watch, and clear up late',
      people: [
        'watch latencies, errors and costs for some days',
        `keep the source, and its backup, until nobody asks for the way back any more`,
        ...(target.isWhole ? [] : ['keep the folder .docferry as long: docferry undo needs it, and it may hold documents'])
      ],
      commands: [
        { text: 'docferry runs' },
        ...(source.provider === 'dynamodb' || source.provider === 'firestore'
          ? [{ text: `docferry backup list --provider ${source.shell}`, when: 'to see what the service still keeps, and bills' }]
          : [])
      ]
    }
  ]
}

export function rollbackSteps(source: End, target: End, options: GuideOptions): GuideStep[] {
  const lines = configurationOf(source)
  // What was kept elsewhere under a path as its id goes back to that path.
  const subcollections = options.subcollections ?? (source.provider === 'firestore' || undefined)
  const back = `--source ${target.shell} --target ${source.shell}${reverseFlags({ ...options, subcollections })}`
  const isKept = !source.isWhole && !target.isWhole
  return [
    {
      part: 'rollback',
      title: 'Stop the application, and point it back',
      people: [
        'stop the application',
        lines.length === 0 ? 'point it back to what it used before' : `set the configuration back: ${lines.join(', ')}`,
        ...(isKept ? ['do not start it yet where what was written since the switch is to be kept'] : [])
      ]
    },
    ...(isKept
      ? [
          {
            part: 'rollback' as const,
            title: 'Bring back what was written since the switch',
            commands: [
              { text: `docferry verify ${back}`, when: 'to see what there is: missing is new in the target, different was changed there' },
              ...(options.attachments
                ? [{ text: `docferry migrate ${back} --on-conflict overwrite`, when: 'it is to be kept' }]
                : [
                    { text: `docferry repair ${back} --dry-run`, when: 'to see what would be written to the source' },
                    { text: `docferry repair ${back}`, when: 'it is to be kept' },
                    {
                      text: `docferry repair ${back} --delete-extra`,
                      when: 'documents were deleted in the target since (extra), and are to go from the source too; each is kept in a file first'
                    }
                  ])
            ]
          }
        ]
      : []),
    undoStep(target),
    { part: 'rollback', title: 'Start the application on the source', people: ['start it, and run its tests', 'note the time'] },
    restoreStep(source, options),
    {
      part: 'rollback',
      title: 'Find the cause, mend it, and migrate again',
      people: [
        'the lists of the checks, and log.ndjson and the dead letters in .docferry/runs, say what went wrong',
        'begin again with the backup'
      ],
      commands: [{ text: putAway }],
      ...(source.provider === 'firestore' && { notes: [`Give the service's own backup another place than ${bucketPrefix}.`] })
    }
  ]
}

function undoStep(target: End): GuideStep {
  if (target.isWhole)
    return {
      part: 'rollback',
      title: 'Put the target back as it was',
      commands: [{ text: `rm -rf ${target.path}` }, { text: `cp -a ${copyOf(target)} ${target.path}`, when: 'it was there before' }]
    }
  return {
    part: 'rollback',
    title: 'Take back what was written to the target',
    commands: [
      { text: `for RUN in $(sort -r ${allRuns}); do docferry undo "$RUN" --dry-run && docferry undo "$RUN" || break; done` },
      { text: `for RUN in $(sort -r ${allRuns}); do docferry undo "$RUN"; done`, when: 'it stopped at documents that are to be left' }
    ],
    notes: [
      'All runs of the migration, the newest first: the repairs, then the migration itself. Undoing one twice does no harm.',
      'Documents that were changed since are left, and told (exit 40). The target may as well be left as it is: the source was never changed.'
    ]
  }
}

function restoreStep(source: End, options: GuideOptions): GuideStep {
  return {
    part: 'rollback',
    title: 'Restore the source, only where it has come to harm',
    commands: restoreCommands(source, options)
  }
}

function restoreCommands(source: End, options: GuideOptions): GuideCommand[] {
  if (source.isWhole) return [{ text: `rm -rf ${source.path} && cp -a ${copyOf(source)} ${source.path}`, when: 'it is damaged' }]
  const collections = collectionFlags(options)
  const only = collections === '' ? '' : ` ${collections}`
  const isCouchdb = source.provider === 'couchdb'
  const everything = isCouchdb ? allOfCouchdb : ''
  const bringBack = `docferry import --input ${exportName} --target ${source.shell}${only}${everything}`
  const given = `--source ${exportName} --target ${source.shell}${only}${everything}`
  return [
    { text: `docferry verify ${given}`, when: 'to see what differs from the export' },
    { text: bringBack, when: 'documents are missing: all that are not there come back, deleted ones too; the others stay as they are' },
    {
      text: `${bringBack} --on-conflict overwrite${isCouchdb ? '' : ' --undoable'}`,
      when: 'documents are wrong: ALL become what they were in the backup, and what was written since is lost, also what was just brought back'
    },
    ...(source.provider === 'dynamodb'
      ? [
          { text: `docferry backup list --provider ${source.shell}`, when: 'to have the service restore its own: ID as it shows it' },
          { text: `docferry backup restore ID --provider ${source.shell} --as NEW-TABLE`, when: 'into a new table each' }
        ]
      : []),
    ...(source.provider === 'firestore'
      ? [
          {
            text: `docferry backup restore ${bucketPrefix} --provider ${source.shell} --option overwrite=yes`,
            when: 'to have the service restore its own: it replaces documents of the same name, and removes none'
          }
        ]
      : [])
  ]
}
