// One load of chats in a process of its own: LOAD='{"apis":[...],...}' node load.ts. Writes `ready` when the first chat
// is about to be sent, and at the end one line of JSON: a record of each chat.

import type { ChatLoad } from './chat-load.ts'
import { runLoad } from './run-load.ts'

const records = await runLoad(JSON.parse(process.env.LOAD ?? '{}') as ChatLoad)
process.stdout.write(`${JSON.stringify(records)}\n`, () => process.exit(0))
