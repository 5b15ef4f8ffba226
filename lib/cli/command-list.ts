/** One line per command: what the list of commands says of it, and what loads the rest when it is named. */
import type { Command } from 'commander'
import type { RepairJob } from './commands/repair.ts'
import type { UndoJob } from './commands/undo.ts'
import type { VerifyJob } from './commands/verify.ts'
import type { Host, Job } from './execute.ts'

/** What a command does once it is understood. */
export interface Runners {
  readonly run: (job: Job) => Promise<void>
  readonly undo: (job: UndoJob) => Promise<void>
  readonly verify: (job: VerifyJob) => Promise<void>
  readonly repair: (job: RepairJob) => Promise<void>
  /** Told by a command that does its work itself. */
  readonly exit: (exitCode: number) => void
}

export interface ListedCommand {
  /** How it is called: its name, and the arguments that it takes. */
  readonly term: string
  readonly summary: string
  /** Adds it with all of its options. */
  readonly add: (program: Command, host: Host, runners: Runners) => Promise<void>
}

/** In the order in which they are listed. */
export const commandList: readonly ListedCommand[] = [
  {
    term: 'migrate [options]',
    summary: 'move collections from one place to another',
    add: async (program, _, { run }) => (await import('./commands/migrate.ts')).addMigrateCommand(program, run)
  },
  {
    term: 'plan [options]',
    summary: 'say what a migration would do: what would not fit, how much it is, what it costs',
    add: async (program, _, { run }) => (await import('./commands/plan.ts')).addPlanCommand(program, run)
  },
  {
    term: 'run [options] <file>',
    summary: 'do what a pipeline file says',
    async add(program, host, { exit }) {
      const { addRunCommand } = await import('./commands/run.ts')
      addRunCommand(program, host, async job => {
        const { executePipeline } = await import('./execute-run.ts')
        exit(await executePipeline(job, host))
      })
    }
  },
  {
    term: 'export [options]',
    summary: 'write collections to a file, a folder or standard output',
    add: async (program, _, { run }) => (await import('./commands/export.ts')).addExportCommand(program, run)
  },
  {
    term: 'import [options]',
    summary: 'read collections from a file, a folder or standard input',
    add: async (program, _, { run }) => (await import('./commands/import.ts')).addImportCommand(program, run)
  },
  {
    term: 'resume [options] [run]',
    summary: 'go on with a run that was killed, interrupted or failed',
    add: async (program, host, { run }) => (await import('./commands/resume.ts')).addResumeCommand(program, host, run)
  },
  {
    term: 'retry [options] [run]',
    summary: 'write the documents again that a run could not write',
    add: async (program, host, { run }) => (await import('./commands/retry.ts')).addRetryCommand(program, host, run)
  },
  {
    term: 'undo [options] <run>',
    summary: 'take back what a run wrote, where nobody has changed it since',
    add: async (program, _, { undo }) => (await import('./commands/undo.ts')).addUndoCommand(program, undo)
  },
  {
    term: 'verify [options] [run]',
    summary: 'prove that a target holds what a source holds, or what a run wrote',
    add: async (program, _, { verify }) => (await import('./commands/verify.ts')).addVerifyCommand(program, verify)
  },
  {
    term: 'repair [options] [run]',
    summary: 'write again what is missing or different in a target',
    add: async (program, _, { repair }) => (await import('./commands/repair.ts')).addRepairCommand(program, repair)
  },
  {
    term: 'replicate [options]',
    summary: "have CouchDB's own replicator copy databases: with revisions, deletions, conflicts and attachments",
    async add(program, host, { exit }) {
      const { addReplicateCommand } = await import('./commands/replicate.ts')
      addReplicateCommand(program, {
        async replicate(job) {
          const { executeReplicate } = await import('./execute-replicate.ts')
          exit(await executeReplicate(job, host))
        },
        async replications(job) {
          const { executeReplications } = await import('./execute-replicate.ts')
          exit(await executeReplications(job, host))
        }
      })
    }
  },
  {
    term: 'check [options] [run]',
    summary: 'go through the checklist of a migration: before it, while it runs, and after it',
    async add(program, host, { exit }) {
      const { addCheckCommand } = await import('./commands/check.ts')
      addCheckCommand(program, async job => {
        const { executeCheck } = await import('./execute-check.ts')
        exit(await executeCheck(job, host))
      })
    }
  },
  {
    term: 'backup [what]',
    summary: 'backups that DynamoDB or Firestore makes and keeps by itself',
    async add(program, host, { exit }) {
      const { addBackupCommand } = await import('./commands/backup.ts')
      addBackupCommand(program, async job => {
        const { executeBackup } = await import('./execute-backup.ts')
        exit(await executeBackup(job, host))
      })
    }
  },
  {
    term: 'guide [options]',
    summary: 'print the steps of a whole migration, the way back included, with the commands to copy',
    add: async (program, host) => (await import('./commands/guide.ts')).addGuideCommand(program, host)
  },
  {
    term: 'runs [options]',
    summary: 'list the runs, with what became of them',
    add: async (program, host) => (await import('./commands/runs.ts')).addRunsCommand(program, host)
  },
  {
    term: 'lint [options] <files...>',
    summary: 'check pipeline files, without connecting to anything',
    add: async (program, host, { exit }) => (await import('./commands/lint.ts')).addLintCommand(program, host, exit)
  },
  {
    term: 'test [options] <files...>',
    summary: 'run the examples that are written in pipeline files',
    add: async (program, host, { exit }) => (await import('./commands/test.ts')).addTestCommand(program, host, exit)
  },
  {
    term: 'preview [options] <file>',
    summary: 'show what a pipeline makes of the first documents, and write nothing',
    async add(program, host, { exit }) {
      const { addPreviewCommand } = await import('./commands/preview.ts')
      addPreviewCommand(program, host, async job => {
        const { executePreview } = await import('./execute-preview.ts')
        exit(await executePreview(job, host))
      })
    }
  },
  {
    term: 'schema [options]',
    summary: 'print the JSON Schema of pipeline files, for editors',
    add: async (program, host) => (await import('./commands/schema.ts')).addSchemaCommand(program, host)
  },
  {
    term: 'stages [options] [name]',
    summary: 'list the built-in stages, or show one with its options and examples',
    add: async (program, host) => (await import('./commands/stages.ts')).addStagesCommand(program, host)
  }
]

export function nameOf({ term }: ListedCommand): string {
  return term.split(' ')[0]!
}
