import { ALERT_MUTATIONS } from './mutations/alerts.ts'
import type { Mutation } from './mutations/mutation.ts'
import { OBJECTIVE_MUTATIONS } from './mutations/objectives.ts'
import { DOCUMENT_MUTATIONS } from './mutations/operations-document.ts'
import { RECORDING_MUTATIONS } from './mutations/recording.ts'

export type { Mutation } from './mutations/mutation.ts'

/** Breakages that the cases must notice. */
export const MUTATIONS: readonly Mutation[] = [
  ...DOCUMENT_MUTATIONS,
  ...RECORDING_MUTATIONS,
  ...ALERT_MUTATIONS,
  ...OBJECTIVE_MUTATIONS
]

/** Breakages that change nothing that could be seen, and why. */
export const EQUIVALENTS: readonly (Mutation & { because: string })[] = [
  {
    name: 'RuntimeFallbackFlapping: more than five',
    file: 'alerts',
    from: '>= 6',
    to: '> 5',
    noticedBy: ['long-runtime'],
    because: 'changes are whole numbers'
  },
  {
    name: 'RuntimeFallbackStuck: no runtime is at 0',
    file: 'alerts',
    from: '(min(up{job="runtime-service"}) == 1)',
    to: '(min(up{job="runtime-service"}) > 0)',
    noticedBy: ['long-runtime'],
    because: 'up is 0 or 1'
  }
]
