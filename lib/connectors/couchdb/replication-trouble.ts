/** What the replicator's errors mean: texts, and Erlang's terms. */
import type { ReplicationTrouble } from '../../contracts/replication.ts'

interface Meaning extends Pick<ReplicationTrouble, 'code' | 'isPassing'> {
  readonly pattern: RegExp
  readonly message: string
}

/** The first that fits. Names of errors: src/couch_replicator of Apache CouchDB. */
const meanings: readonly Meaning[] = [
  {
    pattern: /already started, triggered by/,
    code: 'DOCFERRY_REPLICATION',
    isPassing: false,
    message: 'the server runs this very replication already, asked for by another document: see docferry replicate list'
  },
  {
    pattern: /locked/i,
    code: 'DOCFERRY_AUTH',
    isPassing: true,
    message: 'the user is locked after too many wrong passwords: wait some minutes'
  },
  {
    pattern: /unauthorized/i,
    code: 'DOCFERRY_AUTH',
    isPassing: false,
    message: 'the server that replicates was refused: check the user and the password of that end, and what the user may do there'
  },
  { pattern: /forbidden/i, code: 'DOCFERRY_PERMISSION', isPassing: false, message: 'the server that replicates was forbidden to do this' },
  {
    pattern: /db_not_found/,
    code: 'DOCFERRY_REPLICATION',
    isPassing: false,
    message: 'the server that replicates finds no such database: is it the same server there that docferry reaches?'
  },
  {
    pattern: /partition:id|illegal_docid/,
    code: 'DOCFERRY_REPLICATION',
    isPassing: false,
    message: 'the target refuses ids of the source; a partitioned database takes only those of the form partition:id'
  },
  {
    pattern: /econnrefused|nxdomain|ehostunreach|enetunreach|etimedout|conn_failed|session_request_failed/,
    code: 'DOCFERRY_CONNECT',
    isPassing: true,
    message:
      'the server that replicates does not reach the other one; if its address is another there (localhost of a container), give it with --source-url or --target-url'
  },
  {
    pattern: /tls_alert|certificate|bad_cert/,
    code: 'DOCFERRY_CONNECT',
    isPassing: true,
    message:
      'the server that replicates does not trust the certificate of the other one: see ssl_trusted_certificates_file in its [replicator]'
  }
]

const longestMessage = 300

/** @param censor takes secrets out: errors quote addresses */
export function replicationTrouble(error: unknown, censor: (text: string) => string): ReplicationTrouble {
  const text = censor(typeof error === 'string' ? error : (JSON.stringify(error) ?? 'no reason given'))
  const told = text.replace(/\s+/g, ' ').slice(0, longestMessage)
  const meaning = meanings.find(({ pattern }) => pattern.test(text))
  if (!meaning) return { code: 'DOCFERRY_REPLICATION', isPassing: true, message: told }
  return { code: meaning.code, isPassing: meaning.isPassing, message: `${meaning.message} (${told})` }
}
