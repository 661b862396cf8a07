// One load against one system, in a process of its own; the result is one line of JSON.
//   LOAD='{"kind":"requests","url":...}' node load.ts
import { loadRequests } from './load-requests.ts'
import { loadStreams } from './load-streams.ts'
import type { Load } from './types.ts'

const load = JSON.parse(process.env.LOAD ?? '{}') as Load
const result = load.kind === 'requests' ? await loadRequests(load) : await loadStreams(load)
process.stdout.write(`${JSON.stringify(result)}\n`)
process.exit(0)
