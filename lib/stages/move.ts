import type { Stage } from '../types.ts'
import { configError } from './config-error.ts'
import { Draft } from './draft.ts'
import { fieldsOf, formatPath, parsePath, placePattern } from './field-path.ts'
import type { FieldPath } from './field-path.ts'
import { mapOfPaths, placeSchema } from './path-schema.ts'
import { pairs } from './short-forms.ts'
import type { StageSpec } from './stage-spec.ts'

interface MoveOptions {
  readonly fields: Readonly<Record<string, string>>
  readonly overwrite?: boolean
}

export const moveStage: StageSpec<MoveOptions> = {
  name: 'move',
  summary: 'put fields elsewhere in the document',
  description:
    'Maps each path to the one where its value goes; maps on the way are made, and the map that it leaves stays, even empty. They are moved in order. What is not there is no error. `rename` gives a field another name in its place.',
  schema: {
    type: 'object',
    required: ['fields'],
    additionalProperties: false,
    properties: {
      fields: mapOfPaths('From path to path.', placeSchema('Where it goes.'), placePattern),
      overwrite: {
        type: 'boolean',
        default: false,
        description: 'Whether what stands there, or in the way, is lost. Otherwise the stage fails for such a document.'
      }
    }
  },
  examples: [
    {
      options: { fields: { city: 'address.city', 'meta.created': 'created_at' } },
      in: { _id: 'u1', city: 'Rome', meta: { created: 1, by: 'x' } },
      out: { _id: 'u1', meta: { by: 'x' }, address: { city: 'Rome' }, created_at: 1 }
    }
  ],
  short: { usage: 'move:from=to,from=to', parse: argument => ({ fields: pairs(argument) }) },
  make: move
}

/**
 * Put fields elsewhere.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no path
 */
export function move({ fields, overwrite = false }: MoveOptions): Stage {
  const moves = Object.entries(fields).map(([from, to]) => ({ from: placeOf(from, from), to: placeOf(to, from) }))
  return {
    name: 'move',
    mayRepeatIds: false,
    changesInPlace: false,
    fields: fieldsOf(moves.flatMap(({ from, to }) => [from, to])),
    apply(document) {
      let draft: Draft | undefined
      for (const { from, to } of moves) {
        if (!Object.hasOwn(draft?.document ?? document, from[0] as string)) continue
        draft ??= new Draft(document)
        moveOne(draft, from, to, overwrite)
      }
      return draft?.document ?? document
    }
  }
}

function placeOf(text: string, from: string): FieldPath {
  const path = parsePath(text)
  if (path[0] === '_id') throw configError(`fields.${from}: _id stays where it is; the stage id gives another`)
  return path
}

function moveOne(draft: Draft, from: FieldPath, to: FieldPath, overwrite: boolean): void {
  const moved = draft.remove(from)
  if (moved === undefined) return
  draft.put(
    to,
    there => {
      if (there !== undefined && !overwrite)
        throw new Error(`${formatPath(to)}: something stands there, where ${formatPath(from)} would go`)
      return moved
    },
    overwrite
  )
}
