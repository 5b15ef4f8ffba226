/** What a guide shows. Commands stand alone on their lines, unbroken, so that they can be copied. */
import { guideParts } from '../guide/report.ts'
import type { Guide, GuidePart, GuideStep } from '../guide/report.ts'
import { indentedLines, plainStyle, safe } from './text.ts'
import type { Style } from './text.ts'

const titles = {
  prepare: 'Before',
  migrate: 'Migrate',
  switch: 'Switch over',
  afterwards: 'Afterwards',
  rollback: 'The way back'
} as const satisfies Record<GuidePart, string>

interface Numbered {
  readonly step: GuideStep
  readonly number: string
}

function numbered({ steps }: Guide, part: GuidePart): Numbered[] {
  return steps
    .map((step, index) => ({ step, index }))
    .filter(({ step }) => step.part === part)
    .map(({ step, index }, place) => ({ step, number: part === 'rollback' ? `R${place + 1}` : String(index + 1) }))
}

function titleOf({ source, target, collections }: Guide): string {
  return `Migration from ${source.provider} to ${target.provider}${collections ? `: ${collections.join(', ')}` : ''}`
}

export function guideText(guide: Guide, { style = plainStyle, columns }: { readonly style?: Style; readonly columns: number }): string[] {
  const { source, target, warnings } = guide
  return [
    style.bold(safe(titleOf(guide))),
    `  source  ${safe(source.address)}`,
    `  target  ${safe(target.address)}`,
    '',
    ...(warnings.length > 0
      ? [style.yellow('To know about this pair'), ...warnings.flatMap(text => indentedLines(safe(text), '- ', columns)), '']
      : []),
    ...guideParts.flatMap(part => [
      style.bold(`== ${titles[part]} ==`),
      '',
      ...numbered(guide, part).flatMap(each => textOf(each, style, columns))
    ])
  ].slice(0, -1)
}

function textOf({ step: { title, people = [], commands = [], notes = [] }, number }: Numbered, style: Style, columns: number): string[] {
  return [
    style.bold(`${number}. ${title}`),
    ...people.flatMap(text => indentedLines(safe(text), '   [ ] ', columns)),
    ...commands.flatMap(({ text, when }) => [...(when === undefined ? [] : [style.dim(`   # ${when}:`)]), `   ${style.cyan(safe(text))}`]),
    ...notes.flatMap(text => indentedLines(safe(text), '   ', columns)),
    ''
  ]
}

export function guideMarkdown(guide: Guide): string[] {
  const { source, target, warnings, docferry } = guide
  return [
    `# ${inline(titleOf(guide))}`,
    '',
    `From \`${safe(source.address)}\` to \`${safe(target.address)}\`; made by docferry ${docferry}.`,
    '',
    ...(warnings.length > 0 ? ['## To know about this pair', '', ...warnings.map(text => `- ${inline(text)}`), ''] : []),
    ...guideParts.flatMap(part => [`## ${titles[part]}`, '', ...numbered(guide, part).flatMap(markdownOf)])
  ].slice(0, -1)
}

function markdownOf({ step: { title, people = [], commands = [], notes = [] }, number }: Numbered): string[] {
  const code = commands.flatMap(({ text, when }) => [...(when === undefined ? [] : [`# ${when}:`]), safe(text)])
  return [
    `### ${number}. ${inline(title)}`,
    '',
    ...(people.length > 0 ? [...people.map(text => `- [ ] ${inline(text)}`), ''] : []),
    ...(code.length > 0 ? ['```sh', ...code, '```', ''] : []),
    ...(notes.length > 0 ? [...notes.flatMap(text => [inline(text), ''])] : [])
  ]
}

/** Nothing in it begins a tag, a link or code. */
function inline(text: string): string {
  return safe(text).replace(/[\\`*_<>[\]]/g, character => `\\${character}`)
}
