import { defineGroup, key, optionalKey } from '../key.ts'
import { list, oneOf, text } from '../kinds.ts'
import { type ModelPrice, priceList, priceOf } from '../price-list.ts'
import { httpBaseUrl } from '../url-kinds.ts'

const BASE_URLS: Readonly<Record<string, string>> = {
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com/v1'
}
const SIMULATOR_HOST = 'http://127.0.0.1'

const MODEL = text({
  expected: 'a model name without white space or commas',
  pattern: /^[^\s,\p{Cc}]+$/u,
  maxLength: 200
})

/** Which model answers, and how to reach it. */
export const llmGroup = defineGroup({
  name: 'llm',
  title: 'Model',
  keys: {
    LLM_PROVIDER: key({
      kind: oneOf(['openai-compatible', 'openai', 'anthropic']),
      default: 'openai-compatible',
      doc: 'Wire format of the model server.'
    }),
    LLM_BASE_URL: key({
      kind: httpBaseUrl(),
      default: {
        text: `http://127.0.0.1:4010/v1 (the simulator on SIMULATOR_PORT), or the address of the provider openai or anthropic`,
        from: (values) =>
          BASE_URLS[String(values.LLM_PROVIDER)] ?? `${SIMULATOR_HOST}:${values.SIMULATOR_PORT ?? 4010}/v1`
      },
      doc: 'Address of the model server, with /v1.',
      setByStart: 'the simulator that it starts'
    }),
    LLM_API_KEY: optionalKey({
      kind: text({ expected: 'a key without white space', pattern: /^[\x21-\x7e]+$/ }),
      secret: 'whole',
      doc: 'Key of the model server. Required for openai and anthropic.'
    }),
    LLM_MODEL: key({ kind: MODEL, default: 'simulator', doc: 'Model of every agent that names none.' }),
    LLM_MODELS: key({
      kind: list(MODEL, { items: 'model names', min: 1 }),
      default: { text: 'LLM_MODEL alone', from: (values) => String(values.LLM_MODEL ?? '') },
      doc: 'Models that an agent or a request may name.'
    }),
    LLM_PRICES: key({
      kind: priceList(),
      default: '',
      unit: 'USD per million tokens',
      doc: 'What models cost: model=input/output, or model=input/output/cachedInput; * stands for all others. Only needed for RUNTIME_MAX_COST_USD.'
    }),
    LLM_CONTINUATION: key({
      kind: oneOf(['none', 'prefix']),
      default: 'none',
      doc: 'prefix: the model can continue an answer that was cut off, given its beginning.'
    })
  },
  check: (values) => {
    const failures = []
    const { LLM_MODEL: model, LLM_MODELS: models, LLM_PROVIDER: provider } = values
    if (Array.isArray(models) && typeof model === 'string' && !models.includes(model)) {
      failures.push({ key: 'LLM_MODEL', expected: `one of LLM_MODELS (${models.join(', ')})` })
    }
    if (
      values.LLM_API_KEY === undefined &&
      values.LLM_BASE_URL &&
      values.LLM_BASE_URL === BASE_URLS[String(provider)]
    ) {
      failures.push({ key: 'LLM_API_KEY', expected: `a key, since LLM_PROVIDER is ${provider}` })
    }
    const { RUNTIME_MAX_COST_USD: limit, LLM_PRICES: prices } = values
    if (typeof limit === 'number' && limit > 0 && Array.isArray(prices) && Array.isArray(models)) {
      const unpriced = models.filter((name: string) => priceOf(prices as ModelPrice[], name) === undefined)
      const expected = `a price for ${unpriced.join(', ')}, since RUNTIME_MAX_COST_USD is ${limit}`
      if (unpriced.length > 0) failures.push({ key: 'LLM_PRICES', expected })
    }
    return failures
  }
})
