/**
 * A pipeline that is a program: its default export is what a file would say, or a function of the environment that gives it.
 * Here, so that each day's backup has the day in its name.
 *
 *   BACKUP_DATE=$(date +%F) docferry run pipelines/nightly-backup.ts
 */
import { definePipeline } from 'docferry'
import type { Document } from 'docferry'

export default definePipeline(({ SOURCE = 'couchdb', BACKUP_FOLDER = '.', BACKUP_DATE = 'today' }) => ({
  description: 'A backup of what is not expired, named by the day',
  source: SOURCE,
  target: `${BACKUP_FOLDER}/${BACKUP_DATE}.ndjson.gz`,
  stages: [
    // The same as in a file; functions may stand here too.
    { strip: ['metadata.ip_address'], collections: ['sessions'] },
    { name: 'stamp', function: (document: Document) => ({ ...document, backed_up_on: BACKUP_DATE }) }
  ],
  tests: [
    {
      name: 'stamps each document',
      collection: 'sessions',
      in: { _id: 's1', metadata: { ip_address: '203.0.113.7', tags: [] } },
      out: { _id: 's1', metadata: { tags: [] }, backed_up_on: BACKUP_DATE }
    }
  ]
}))
