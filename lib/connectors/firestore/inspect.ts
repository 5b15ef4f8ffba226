/** Looks at a Firestore for a checklist, as far as the API for documents tells: its clock. Expiry and rights are told to its administrators. */
import type { Inspection, InspectOptions } from '../../contracts/inspection.ts'
import type { FirestoreConnection } from './client.ts'

interface ReadTime {
  readonly readTime?: { readonly seconds?: string | number | null; readonly nanos?: number } | null
}

export async function inspect(connection: FirestoreConnection, { end, signal }: InspectOptions): Promise<Inspection> {
  const { database, root, emulator } = connection
  const request = { database, documents: [`${root}/docferry-check/none`] }
  const before = new Date()
  const [answer] = await connection.collectObjects<ReadTime>('BatchGetDocuments', request, connection.context('read'), { signal })
  const after = new Date()
  const seconds = Number(answer?.readTime?.seconds ?? NaN)
  const server = new Date(seconds * 1000 + (answer?.readTime?.nanos ?? 0) / 1e6)
  const id = database.split('/').at(-1)!
  const where = id === '(default)' ? '' : ` --database='${id}'`
  return {
    version: emulator ? "Firestore's emulator" : 'Firestore',
    ...(seconds > 0 && { clock: { server, before, after } }),
    rights:
      end === 'source' || emulator
        ? []
        : [{ what: 'write documents', isGranted: 'unknown', advice: '--probe-write tries it; roles/datastore.user is enough' }],
    notes: emulator
      ? []
      : [
          end === 'source'
            ? `whether documents expire by themselves (TTL policies) is told to administrators: gcloud firestore fields ttls list${where}`
            : `a TTL policy on the target deletes documents that are over their time soon after they are written: gcloud firestore fields ttls list${where}`
        ]
  }
}
