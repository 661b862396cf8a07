import { createHash } from 'node:crypto'
import type { OfferedTool, ToolCall } from '../wire/completion-request.ts'
import { findCalculations } from './arithmetic.ts'
import { type Directives, directiveNumber } from './directives.ts'

const ASKS_TIME =
  /\bwhat(?:'s| is|’s) the (?:current )?(?:time|date)\b|\bwhat (?:time|day) is it\b|\bwhat day is today\b|\bcurrent (?:time|date)\b|几点|现在(?:的)?时间|今天.{0,6}(?:几号|日期|星期几|周几)/i
const ASKS_SEARCH = /\b(?:search|look up|look through|find)\b|搜索|查找|搜一下|查一下/i
const QUOTED = /["“「']([^"”」']{1,200})["”」']/
const SEARCH_TERM =
  /\b(?:for|about)\s+(.{1,200}?)\s*[.?!]?\s*$|(?:搜索|查找|搜一下|查一下)(?:一下)?(?:我的)?(?:历史|消息|记录)?(?:中|里)?(?:的|关于)?\s*(.{1,200}?)[。？?！]?\s*$/i
const TIME_ZONE =
  /\b(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific)\/[A-Za-z_]+(?:\/[A-Za-z_]+)?\b|\bUTC\b/

/** The tools by which the simulator knows what they do. */
const CALCULATOR = 'calculator'
const CURRENT_TIME = 'current_time'
const SEARCH_HISTORY = 'search_history'
const UPDATE_PLAN = 'update_plan'

const MAX_PARALLEL = 200
const MAX_INPUT_LENGTH = 1_000_000

function parameterFor(tool: OfferedTool, hint: RegExp, fallback: string): string {
  const strings = tool.parameters.filter((parameter) => parameter.type === 'string')
  return (strings.find((parameter) => hint.test(parameter.name)) ?? strings[0])?.name ?? fallback
}

function call(name: string, input: Record<string, unknown>): Omit<ToolCall, 'id'> {
  return { name, arguments: JSON.stringify(input) }
}

function callsOf(tool: OfferedTool, question: string): Omit<ToolCall, 'id'>[] {
  if (tool.name === CALCULATOR) {
    const parameter = parameterFor(tool, /expr/i, 'expression')
    return findCalculations(question).map((expression) => call(tool.name, { [parameter]: expression }))
  }
  if (tool.name === CURRENT_TIME && ASKS_TIME.test(question)) {
    const zone = TIME_ZONE.exec(question)?.[0]
    const parameter = tool.parameters.find(({ name }) => /zone/i.test(name))?.name
    return [call(tool.name, zone === undefined || parameter === undefined ? {} : { [parameter]: zone })]
  }
  if (tool.name === SEARCH_HISTORY && ASKS_SEARCH.test(question)) {
    const term = QUOTED.exec(question) ?? SEARCH_TERM.exec(question)
    const query = (term?.[1] ?? term?.[2] ?? question).trim()
    return [call(tool.name, { [parameterFor(tool, /query|text|term/i, 'query')]: query })]
  }
  return []
}

/** Any tool, called with its own name as the text of each parameter: for a caller that insists on a call. */
function forcedCall(tool: OfferedTool, question: string): Omit<ToolCall, 'id'> {
  const meant = callsOf(tool, question)[0]
  if (meant !== undefined) return meant
  const input: Record<string, unknown> = {}
  for (const { name, type } of tool.parameters) if (type === 'string') input[name] = question
  return call(tool.name, input)
}

/** What `call`, `parallel` and `input` ask for: the same call several times, its arguments filled up to a length. */
function directedCalls(value: string, directives: Directives, round: number): Omit<ToolCall, 'id'>[] {
  const space = value.indexOf(' ')
  const name = space === -1 ? value : value.slice(0, space)
  const text = space === -1 ? '{}' : value.slice(space + 1)
  const length = directiveNumber(directives, 'input', 0, MAX_INPUT_LENGTH)
  const count = directiveNumber(directives, 'parallel', 1, MAX_PARALLEL)
  return Array.from({ length: count }, (_nothing, index) => {
    const input = text.replaceAll('$round', String(round + 1)).replaceAll('$index', String(index + 1))
    // White space between the tokens of JSON changes nothing.
    const end = /\}\s*$/.test(input) ? '}' : ''
    return { name, arguments: input.replace(/\}\s*$/, '').padEnd(length - end.length) + end }
  })
}

/** The plan as it stands in this round: what came before is done, one step is under way, the rest is to come. */
function planCall(titles: string, round: number): Omit<ToolCall, 'id'> {
  const steps = titles.split(';').map((title, index) => ({
    title: title.trim(),
    status: index < round ? 'completed' : index === round ? 'running' : 'pending'
  }))
  return call(UPDATE_PLAN, { steps })
}

export interface ToolSituation {
  tools: OfferedTool[]
  toolChoice: string
  question: string
  directives: Directives
  /** How often the model has already called tools since the question. */
  round: number
  /** How often it is to call them before it answers; Infinity for a model that never stops. */
  rounds: number
}

/** Which tools a model calls here; none when it should answer in words. All of one list are called in parallel. */
export function chooseToolCalls(situation: ToolSituation): ToolCall[] {
  const { tools, toolChoice, question, directives, round, rounds } = situation
  if (tools.length === 0 || toolChoice === 'none' || round >= rounds) return []
  const directed = directives.get('call')
  const named = tools.find((tool) => tool.name === toolChoice)
  let calls: Omit<ToolCall, 'id'>[]
  if (directed !== undefined) calls = directedCalls(directed, directives, round)
  else if (named !== undefined) calls = [forcedCall(named, question)]
  else calls = tools.flatMap((tool) => callsOf(tool, question))
  if (calls.length === 0 && toolChoice === 'required') calls = [forcedCall(tools[0]!, question)]
  const plan = directives.get('plan')
  if (plan !== undefined && tools.some(({ name }) => name === UPDATE_PLAN)) calls = [planCall(plan, round), ...calls]
  return calls.map((chosen, index) => {
    const digest = createHash('sha256').update(`${question}\0${round}\0${index}\0${chosen.name}\0${chosen.arguments}`)
    return { id: `call_${digest.digest('hex').slice(0, 24)}`, ...chosen }
  })
}
