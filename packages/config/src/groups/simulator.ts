import { defineGroup, key } from '../key.ts'
import { integer } from '../kinds.ts'

/** How fast the model simulator answers; its port is with the other ports. */
export const simulatorGroup = defineGroup({
  name: 'simulator',
  title: 'Model simulator',
  keys: {
    SIMULATOR_FIRST_TOKEN_MS: key({
      kind: integer({ min: 0, max: 600_000 }),
      default: '50',
      unit: 'ms',
      doc: 'Time to the first piece of an answer of the model simulator.'
    }),
    SIMULATOR_GAP_MS: key({
      kind: integer({ min: 0, max: 600_000 }),
      default: '10',
      unit: 'ms',
      doc: 'Time between the pieces of such an answer.'
    })
  }
})
