import { defineGroup, key } from '../key.ts'
import { integer, list, oneOf, percent, text } from '../kinds.ts'

const ORGANIZATION = text({
  expected: 'the id or the slug of an organisation (letters, digits, - and _)',
  pattern: /^[A-Za-z\d][\w-]{0,127}$/
})

/** Which engine answers a chat, and how many chats at once. */
export const chatGroup = defineGroup({
  name: 'chat',
  title: 'Chat: which engine answers, and limits',
  keys: {
    CHAT_EXECUTION_MODE: key({
      kind: oneOf(['direct_llm', 'runtime_orchestrator']),
      default: 'direct_llm',
      doc: 'Engine of every organisation that no list below names.',
      reloadable: true
    }),
    CHAT_RUNTIME_ENABLED_ORGS: key({
      kind: list(ORGANIZATION, { items: 'organisations', max: 10_000 }),
      default: '',
      doc: 'Organisations that use the runtime although CHAT_EXECUTION_MODE is direct_llm.',
      setByStart: 'dev-runtime, the organisation that it creates',
      reloadable: true
    }),
    CHAT_RUNTIME_DISABLED_ORGS: key({
      kind: list(ORGANIZATION, { items: 'organisations', max: 10_000 }),
      default: '',
      doc: 'Organisations that never use the runtime; wins over every other key.',
      reloadable: true
    }),
    CHAT_RUNTIME_PERCENT: key({
      kind: percent(),
      default: '100',
      unit: 'percent',
      doc: 'Share of the sessions admitted by the keys above that really uses the runtime.',
      reloadable: true
    }),
    CHAT_RUNTIME_SHADOW_PERCENT: key({
      kind: percent(),
      default: '0',
      unit: 'percent',
      doc: 'Share of direct chats that are also sent to the runtime for comparison; the answer is thrown away.',
      reloadable: true
    }),
    CHAT_HISTORY_MESSAGES: key({
      kind: integer({ min: 0, max: 200 }),
      default: '20',
      unit: 'messages',
      doc: 'How many earlier messages of a session the model sees.',
      reloadable: true
    }),
    CHAT_MAX_IN_FLIGHT: key({
      kind: integer({ min: 1, max: 100_000 }),
      default: '1000',
      unit: 'chats',
      doc: 'Chats that one api process runs at once; further ones wait shortly and are then refused with 503.'
    }),
    ORG_RATE_LIMIT_PER_MINUTE: key({
      kind: integer({ min: 0, max: 1_000_000, zero: 'no limit' }),
      default: '0',
      unit: 'requests per minute',
      doc: 'Requests of one organisation per minute; above it 429 with Retry-After.'
    }),
    ORG_MAX_CONCURRENT: key({
      kind: integer({ min: 0, max: 100_000, zero: 'no limit' }),
      default: '0',
      unit: 'chats',
      doc: 'Chats of one organisation at once; above it 429 with Retry-After.'
    })
  }
})
