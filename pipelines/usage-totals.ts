/** Two stages for users, each in one of the forms that a stage of your own may have. See custom-stage.yaml. */
import { defineStage } from 'docferry'
import type { Document, Value } from 'docferry'

type Fields = Record<string, Value>

/** A function is a stage: a document in; one, several (a list, a generator), or nothing out. It may be async. */
export function onlyActive(user: Document): Document | undefined {
  return callsOf(user).length > 0 ? user : undefined
}

interface Options {
  readonly keepLast?: number
}

/** A stage that is made from options, once for each run: what it remembers, and what is costly to prepare, belongs into `make`. */
export const usageTotals = defineStage<Options>({
  // Checked before anything is read; `docferry lint` tells what is wrong with its place in the file.
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: { keepLast: { type: 'integer', minimum: 0, default: 0, description: 'How many of the last calls stay.' } }
  },
  make({ keepLast = 0 }) {
    return user => {
      const calls = callsOf(user)
      const totals: Record<string, { calls: number; cost: number }> = {}
      for (const { agent_id: agent, response_cost: cost } of calls) {
        // A number with a decimal point, such as 1.0, is a `Double`, so that it is written as one; Number() takes both.
        const amount = Number(cost)
        // An error names the field and never what it holds: it goes into logs and reports. Stage, file and document are added to it.
        if (!Number.isFinite(amount)) throw new Error('usage_info.usage: a response_cost is no number')
        const sum = (totals[String(agent)] ??= { calls: 0, cost: 0 })
        sum.calls++
        sum.cost += amount
      }
      const usage = keepLast === 0 ? [] : calls.slice(-keepLast)
      // A new object: what came in may still become a dead letter.
      return { ...user, usage_info: { ...(user['usage_info'] as Fields), usage, totals } }
    }
  }
})

function callsOf(user: Document): Fields[] {
  const { usage = [] } = (user['usage_info'] ?? {}) as { usage?: Fields[] }
  return usage
}
