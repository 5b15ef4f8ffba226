/** A whole Firestore database as a tree of paths, made and looked at through the emulator's REST interface, without docferry. */
import type { FirestoreOptions } from '../../../lib/connectors/firestore/index.ts'

type Fields = Readonly<Record<string, unknown>>

interface Answer {
  readonly document?: { readonly name: string; readonly fields?: Fields }
}

async function ask(options: FirestoreOptions, method: string, body: object): Promise<unknown> {
  const answer = await fetch(`http://${options.emulator}/v1/${rootOf(options)}:${method}`, {
    method: 'POST',
    headers: { authorization: 'Bearer owner', 'content-type': 'application/json' },
    body: JSON.stringify(body)
  })
  if (!answer.ok) throw new Error(`${method}: ${answer.status} ${await answer.text()}`)
  return await answer.json()
}

function rootOf({ project, database = '(default)' }: FirestoreOptions): string {
  return `projects/${project}/databases/${database}/documents`
}

/** @param paths of documents, `agents/x/runs/y`; each holds its path, and its own id as `_id` */
export async function writeTree(options: FirestoreOptions, paths: readonly string[]): Promise<void> {
  for (let start = 0; start < paths.length; start += 500) {
    const writes = paths.slice(start, start + 500).map(path => {
      const fields = { _id: { stringValue: path.slice(path.lastIndexOf('/') + 1) }, path: { stringValue: path } }
      return { update: { name: `${rootOf(options)}/${path}`, fields } }
    })
    await ask(options, 'commit', { writes })
  }
}

export async function removeFromTree(options: FirestoreOptions, paths: readonly string[]): Promise<void> {
  await ask(options, 'commit', { writes: paths.map(path => ({ delete: `${rootOf(options)}/${path}` })) })
}

/** Every document by its path, in order, with its fields as the service tells them. */
export async function treeOf(options: FirestoreOptions): Promise<Map<string, Fields>> {
  const structuredQuery = { from: [{ allDescendants: true }] }
  const answers = (await ask(options, 'runQuery', { structuredQuery })) as readonly Answer[]
  const prefix = `${rootOf(options)}/`
  return new Map(
    answers.flatMap(({ document }) => (document ? [[document.name.slice(prefix.length), document.fields ?? {}] as const] : []))
  )
}
