/** Named sets of collections. */

/** The six collections that Gofannon's migration guide knows. A running installation also holds others. */
const gofannon = ['agents', 'deployments', 'users', 'sessions', 'tickets', 'demos'] as const

export const presets = { gofannon } as const satisfies Record<string, readonly string[]>

export type PresetName = keyof typeof presets

export const presetNames = Object.keys(presets) as readonly PresetName[]
