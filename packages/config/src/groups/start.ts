import { defineGroup, key } from '../key.ts'
import { integer, text } from '../kinds.ts'

/** Only for `npm start`. */
export const startGroup = defineGroup({
  name: 'start',
  title: 'npm start',
  keys: {
    SEMIBOT_HOME: key({
      kind: text({ expected: 'a folder path', type: 'path' }),
      default: '.semibot',
      doc: 'State folder: data of PostgreSQL, dev.env, processes.json.'
    }),
    API_INSTANCES: key({
      kind: integer({ min: 1, max: 32 }),
      default: '1',
      unit: 'processes',
      doc: 'How many api processes npm start brings up, on consecutive ports from API_PORT.'
    }),
    RUNTIME_INSTANCES: key({
      kind: integer({ min: 1, max: 32 }),
      default: '1',
      unit: 'processes',
      doc: 'How many runtime processes npm start brings up, on consecutive ports from RUNTIME_PORT.'
    })
  },
  check: (values) => {
    const ranges = [
      { key: 'API_PORT', count: Number(values.API_INSTANCES) },
      { key: 'RUNTIME_PORT', count: Number(values.RUNTIME_INSTANCES) },
      { key: 'SIMULATOR_PORT', count: 1 },
      { key: 'POSTGRES_PORT', count: 1 }
    ].map((range) => ({ ...range, first: Number(values[range.key]) }))
    return ranges.flatMap((range, index) =>
      ranges
        .slice(0, index)
        .filter((other) => range.first > 0 && other.first > 0)
        .filter((other) => range.first < other.first + other.count && other.first < range.first + range.count)
        .map((other) => ({
          key: range.key,
          expected: `a port outside ${other.first}..${other.first + other.count - 1}, which ${other.key} takes`
        }))
    )
  }
})
