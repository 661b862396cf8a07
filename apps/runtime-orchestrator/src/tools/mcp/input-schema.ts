import { exceedsDepth } from '@semibot/service-kit'
import { MCP_LIMITS } from '../../constants/mcp.ts'
import type { CheckedInput, JsonSchema, ToolInputSchema } from '../tool.ts'
import { isRecord } from './server-problems.ts'

const MAX_PROBLEMS = 5

/** Longer lists of types or of fixed values are the server's to check. */
const MAX_ALTERNATIVES = 200

/** Where one of these stands, what is allowed may also be said elsewhere. */
const ELSEWHERE = ['$ref', 'allOf', 'anyOf', 'oneOf', 'if', 'patternProperties', 'unevaluatedProperties']

/**
 * The input of a tool as its server describes it; a text says why that cannot be used.
 *
 * The check is a part of JSON Schema on purpose: types, required and unknown properties, fixed values, sizes. It takes
 * time in proportion to the input alone, whatever the schema is; references, alternatives and patterns, of which a
 * server could make any amount of work, are left to the server, which checks everything anyway.
 */
export function readInputSchema(schema: unknown): ToolInputSchema | string {
  if (!isRecord(schema) || schema.type !== 'object') return 'its input schema is not of type object'
  let json: string
  try {
    json = JSON.stringify(schema)
  } catch {
    return 'its input schema is nested too deep'
  }
  const bytes = Buffer.from(json)
  if (bytes.length > MCP_LIMITS.schemaBytes) return `its input schema has more than ${MCP_LIMITS.schemaBytes} bytes`
  if (exceedsDepth(bytes, MCP_LIMITS.schemaDepth)) return 'its input schema is nested too deep'
  // Model servers know the dialect, and some want to see properties.
  const { $schema: _dialect, ...shown } = schema
  return { json: { ...shown, properties: shown.properties ?? {} }, check: (input) => check(shown, input) }
}

function check(schema: JsonSchema, input: unknown): CheckedInput<unknown> {
  // A tool without arguments is often called with none at all.
  const data = input ?? {}
  const problems: string[] = []
  checkValue(schema, data, '', problems)
  return problems.length === 0 ? { success: true, data } : { success: false, message: problems.join('; ') }
}

function checkValue(schema: unknown, value: unknown, at: string, problems: string[]): void {
  if (!isRecord(schema) || problems.length >= MAX_PROBLEMS) return
  const complain = (what: string) => void problems.push(at === '' ? what : `${at}: ${what}`)
  const types = typesOf(schema)
  if (types.length > 0 && !types.some((type) => isOfType(value, type))) {
    complain(`expected ${types.join(' or ')}, got ${typeOf(value)}`)
    return
  }
  const allowed = Array.isArray(schema.enum) ? schema.enum : 'const' in schema ? [schema.const] : []
  if (
    allowed.length > 0 &&
    allowed.length <= MAX_ALTERNATIVES &&
    allowed.every(isPrimitive) &&
    !allowed.includes(value)
  )
    complain(`expected one of ${JSON.stringify(allowed).slice(0, 300)}`)
  if (typeof value === 'string') checkSize(schema, 'Length', [...value].length, 'characters', complain)
  if (typeof value === 'number') checkRange(schema, value, complain)
  if (Array.isArray(value)) {
    checkSize(schema, 'Items', value.length, 'items', complain)
    for (const [index, item] of value.entries()) checkValue(schema.items, item, `${at}[${index}]`, problems)
  } else if (isRecord(value)) checkProperties(schema, value, at, problems)
}

function checkProperties(schema: JsonSchema, value: Record<string, unknown>, at: string, problems: string[]): void {
  const properties = isRecord(schema.properties) ? schema.properties : {}
  const place = (key: string) => (at === '' ? key : `${at}.${key}`)
  for (const key of Array.isArray(schema.required) ? schema.required : []) {
    if (typeof key === 'string' && !Object.hasOwn(value, key)) problems.push(`${place(key)} is missing`)
    if (problems.length >= MAX_PROBLEMS) return
  }
  const closed = schema.additionalProperties === false && !ELSEWHERE.some((word) => word in schema)
  for (const [key, item] of Object.entries(value)) {
    if (Object.hasOwn(properties, key)) checkValue(properties[key], item, place(key), problems)
    else if (closed) problems.push(`${place(key)} is not known; known are ${namesOf(properties)}`)
    if (problems.length >= MAX_PROBLEMS) return
  }
}

function namesOf(properties: Record<string, unknown>): string {
  return Object.keys(properties).join(', ').slice(0, 300)
}

function checkSize(
  schema: JsonSchema,
  what: 'Length' | 'Items',
  size: number,
  unit: string,
  complain: (what: string) => void
): void {
  const [min, max] = [schema[`min${what}`], schema[`max${what}`]]
  if (typeof min === 'number' && size < min) complain(`expected at least ${min} ${unit}`)
  else if (typeof max === 'number' && size > max) complain(`expected at most ${max} ${unit}`)
}

function checkRange({ minimum, maximum }: JsonSchema, value: number, complain: (what: string) => void): void {
  if (typeof minimum === 'number' && value < minimum) complain(`expected at least ${minimum}`)
  else if (typeof maximum === 'number' && value > maximum) complain(`expected at most ${maximum}`)
}

function typesOf({ type }: JsonSchema): string[] {
  const types = Array.isArray(type) ? type : [type]
  return types.length > MAX_ALTERNATIVES ? [] : types.filter((name) => typeof name === 'string')
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value)
  // A type that JSON Schema does not have says nothing.
  const known = ['null', 'boolean', 'object', 'array', 'number', 'string'].includes(type)
  return !known || typeOf(value) === type
}

function isPrimitive(value: unknown): boolean {
  return value === null || typeof value !== 'object'
}
