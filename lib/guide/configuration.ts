/** How Gofannon is pointed at a database; other applications have places of their own. */
import type { End } from './ends.ts'
import type { GuideStep } from './report.ts'

/** @returns lines of an environment file; what stands in angle brackets is the operator's */
export function configurationOf({ provider, address }: End): string[] {
  const host = /^couchdb[a-z+]*:\/\/(?:[^@/]*@)?([^/?]+)/.exec(address)?.[1]
  const name = /^\w+:\/\/([^/?]+)/.exec(address)?.[1]
  if (provider === 'couchdb')
    return [
      'DATABASE_PROVIDER=couchdb',
      `COUCHDB_URL=${host === undefined ? '<its address>' : `${/^couchdb(?:s|\+https):/.test(address) ? 'https' : 'http'}://${host}`}`,
      'COUCHDB_USER=<user>',
      'COUCHDB_PASSWORD=<password>'
    ]
  if (provider === 'firestore')
    return [
      'DATABASE_PROVIDER=firestore',
      `GOOGLE_CLOUD_PROJECT=${name ?? '<project>'}`,
      'GOOGLE_APPLICATION_CREDENTIALS=<path of the key file>'
    ]
  if (provider === 'dynamodb') return ['DATABASE_PROVIDER=dynamodb', `DYNAMODB_REGION=${name ?? '<region>'}`]
  return []
}

export function switchStep(target: End): GuideStep {
  const lines = configurationOf(target)
  return {
    part: 'switch',
    title: 'Switch the application over',
    people:
      lines.length === 0
        ? ['the target is a file: hand it over, or import it where it is needed (docferry import)']
        : [
            `set in the configuration, everywhere that it stands (Gofannon's is the environment): ${lines.join(', ')}`,
            'start the application, and run its tests',
            'note the time: the downtime is over'
          ]
  }
}
