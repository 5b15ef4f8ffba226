/** What is done before anything is moved: variables, backups, the checklist, the plan. */
import type { End } from './ends.ts'
import { allOfCouchdb, collectionFlags, sharedFlags } from './options.ts'
import type { GuideOptions } from './options.ts'
import type { GuideStep } from './report.ts'

export const exportName = 'before-migration.ndjson.gz'
export const bucketPrefix = 'gs://BUCKET/before-migration'
export const backupName = 'before-migration'

export function prepareSteps(source: End, target: End, options: GuideOptions): GuideStep[] {
  const ends = `--source ${source.shell} --target ${target.shell}${sharedFlags(options)}`
  return [
    ...variableStep(source, target),
    backupStep(source, options),
    ...keepTargetStep(target),
    {
      part: 'prepare',
      title: 'Go through the checklist',
      commands: [
        { text: `docferry check ${ends} --output check-before.md` },
        ...(target.isWhole
          ? []
          : [{ text: `docferry check ${ends} --full --probe-write`, when: 'to try every document, and a write to the target' }])
      ],
      notes: ['Go on when nothing has failed. check-before.md is for the change ticket; its boxes are for people.']
    },
    {
      part: 'prepare',
      title: 'Plan: a dry run of all documents',
      commands: [{ text: `docferry plan ${ends} --save plan.json --refused refused.ndjson` }],
      notes: [
        'It says what would not fit, how much it is, how long it takes and what it costs; refused.ndjson lists the documents that would not fit. Exit 40: there are some.'
      ]
    },
    {
      part: 'prepare',
      title: 'Agree on a time',
      people: [
        'tell the users when, and for how long',
        'decide who watches, who tests, and who may call it off',
        'have the tests of the application at hand'
      ]
    }
  ]
}

function variableStep(source: End, target: End): GuideStep[] {
  const names = [...new Set([...source.variables, ...target.variables])]
  if (names.length === 0) return []
  return [
    {
      part: 'prepare',
      title: 'Put the variables where nobody else reads them',
      people: [`write these into .env, or into the environment: ${names.join(', ')}`],
      commands: [{ text: 'touch .env && chmod 600 .env' }]
    }
  ]
}

function backupStep(source: End, options: GuideOptions): GuideStep {
  if (source.isWhole)
    return {
      part: 'prepare',
      title: 'Keep a copy of the source',
      commands: [{ text: `cp -a ${source.path} ${copyOf(source)}` }]
    }
  const collections = collectionFlags(options)
  const only = collections === '' ? '' : ` ${collections}`
  const everything = source.provider === 'couchdb' ? allOfCouchdb : ''
  return {
    part: 'prepare',
    title: 'Back the source up',
    commands: [
      { text: `docferry export --provider ${source.shell} --output ${exportName}${only}${everything} --verify` },
      ...(source.provider === 'dynamodb'
        ? [
            { text: `docferry backup create --provider ${source.shell}${only} --name ${backupName}` },
            { text: `docferry backup list --provider ${source.shell}${only}` }
          ]
        : []),
      ...(source.provider === 'firestore'
        ? [
            { text: `docferry backup create --provider ${source.shell}${only} --to ${bucketPrefix}` },
            { text: `docferry backup list --provider ${source.shell}` }
          ]
        : [])
    ],
    notes: [
      'Both together: the export can be read anywhere and holds its own proof, the service restores its own backup fastest.',
      'Copy the export to another machine.'
    ].slice(source.provider === 'couchdb' ? 1 : 0)
  }
}

function keepTargetStep(target: End): GuideStep[] {
  if (target.isWhole)
    return [
      {
        part: 'prepare',
        title: 'Keep what the target holds now',
        commands: [{ text: `cp -a ${target.path} ${copyOf(target)}`, when: 'it is there already' }]
      }
    ]
  return [
    {
      part: 'prepare',
      title: 'Keep what the target holds now',
      commands: [
        {
          text: `docferry export --provider ${target.shell} --output target-before.ndjson.gz${target.provider === 'couchdb' ? allOfCouchdb : ''} --verify`,
          when: 'it holds documents already'
        }
      ]
    }
  ]
}

/** Where the copy of a file is kept. */
export function copyOf({ path }: End): string {
  return path.endsWith("'") || path.endsWith('"') ? `${path.slice(0, -1)}.before${path.at(-1)}` : `${path}.before`
}
