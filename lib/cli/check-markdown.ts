/** A checklist as a document for a change ticket. */
import { countResults } from '../check/report.ts'
import type { CheckLine, CheckReport, CheckResult } from '../check/report.ts'
import { adviceOf, phaseTitles } from './check-view.ts'
import { formatCount, safe } from './text.ts'

const words = { ok: 'ok', warning: '**warning**', failed: '**FAILED**', skipped: 'skipped', person: 'to do' } as const satisfies Record<
  CheckResult,
  string
>

export function checkMarkdown(report: Readonly<CheckReport>): string[] {
  const { phase, runId, source, target, docferry, node, lines, collections, notes, startedAt, finishedAt = startedAt } = report
  const { ok, warning, failed, skipped } = countResults(lines)
  const machine = lines.filter(({ result }) => result !== 'person')
  const people = lines.filter(({ result }) => result === 'person')
  const title = source && target ? `: ${source.provider} to ${target.provider}` : ''
  const row = (name: string, value: string | undefined): string[] => (value === undefined ? [] : [`| ${name} | ${cell(value)} |`])
  return [
    `# Migration checklist${title}, ${phaseTitles[phase]}`,
    '',
    '| | |',
    '| --- | --- |',
    ...row('Date', new Date(finishedAt).toISOString()),
    ...row('Source', source && `${source.provider} ${source.address}`),
    ...row('Target', target && `${target.provider} ${target.address}`),
    ...row('Run', runId),
    ...row('Made by', `docferry ${docferry}, Node ${node}`),
    ...row('Result', `${ok} ok, ${warning} warnings, ${failed} failed, ${skipped} skipped`),
    '',
    '## Checked',
    '',
    '| point | result | found | to do |',
    '| --- | --- | --- | --- |',
    ...machine.map(line => `| ${cell(line.what)} | ${words[line.result]} | ${cell(line.detail ?? '')} | ${cell(adviceOf(line) ?? '')} |`),
    '',
    ...(collections.length > 0
      ? [
          '## Documents',
          '',
          '| collection | source | target |',
          '| --- | ---: | ---: |',
          ...collections.map(each => {
            const name = each.source === each.target ? each.source : `${each.source} -> ${each.target}`
            return `| ${cell(name)} | ${count(each.sourceDocuments)} | ${count(each.targetDocuments)} |`
          }),
          ''
        ]
      : []),
    ...(people.length > 0 ? ['## For people to do', '', ...people.map(box), ''] : []),
    ...(notes.length > 0 ? ['## Notes', '', ...notes.map(note => `- ${inline(note)}`), ''] : [])
  ].slice(0, -1)
}

function box({ what, advice }: CheckLine): string {
  return `- [ ] ${inline(what)}${advice === undefined ? '' : ` (${inline(advice)})`}`
}

function count(documents: number | undefined): string {
  return documents === undefined ? '?' : formatCount(documents)
}

/** Names come from databases: none of them ends a cell, or begins a tag or a link. */
function cell(text: string): string {
  return inline(text).replaceAll('|', '\\|')
}

function inline(text: string): string {
  return safe(text).replace(/[\\`*_<>[\]]/g, character => `\\${character}`)
}
