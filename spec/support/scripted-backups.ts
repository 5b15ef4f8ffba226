/** A service's own backups in the spec's hands: what each question is answered with, and what it was asked. */
import type { Backup, BackupService } from '../../lib/contracts/backup.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { Connector } from '../../lib/types.ts'

export interface BackupScript {
  /** What `create` and `restore` answer with. */
  readonly begun?: readonly Backup[]
  /** What `status` answers with, question by question; the last stays. What is thrown in place of an answer is an Error. */
  readonly looks?: Readonly<Record<string, readonly (Backup | Error)[]>>
  readonly list?: readonly Backup[]
  /** Methods of its own, or missing ones. */
  readonly methods?: Partial<BackupService>
}

export interface ScriptedBackups {
  readonly endpoint: Endpoint
  readonly service: BackupService
  /** `create`, `status a`, `close`. */
  readonly calls: string[]
}

export function scriptedBackups({ begun = [], looks = {}, list = [], methods = {} }: BackupScript): ScriptedBackups {
  const calls: string[] = []
  const asked = new Map<string, number>()
  const service: BackupService = {
    location: { provider: 'dynamodb', address: 'scripted', identity: 'scripted' },
    async create() {
      calls.push('create')
      return begun
    },
    async restore() {
      calls.push('restore')
      return begun
    },
    async list() {
      calls.push('list')
      return list
    },
    async status(id) {
      calls.push(`status ${id}`)
      const answers = looks[id] ?? []
      const index = asked.get(id) ?? 0
      asked.set(id, index + 1)
      const answer = answers[Math.min(index, answers.length - 1)]
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error(`the script knows no ${id}`)
      return answer
    },
    async checkChange(_, id) {
      return await service.status(id, {})
    },
    async remove(id) {
      calls.push(`remove ${id}`)
      return { id, kind: 'backup', state: 'deleted' }
    },
    async close() {
      calls.push('close')
    },
    ...methods
  }
  const unused = (): never => {
    throw new Error('only the backups are scripted')
  }
  const connector: Connector = {
    name: 'dynamodb',
    configure: unused,
    openSource: unused,
    openTarget: unused,
    openBackups: async () => service
  }
  return { endpoint: { connector, options: {} }, service, calls }
}
