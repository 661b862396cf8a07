import fc from 'fast-check'
import t from 'tap'
import { readInputSchema } from '../../../src/tools/mcp/input-schema.ts'
import { compareTools } from '../../../src/tools/mcp/tool-changes.ts'
import { nameTools, readToolList } from '../../../src/tools/mcp/tool-list.ts'
import { rawServer } from './fixtures/world.ts'

t.test('names are what model servers take, are unique, and do not depend on the order', async (t) => {
  const names = fc.uniqueArray(
    fc.oneof(fc.string({ minLength: 1, maxLength: 128 }), fc.constantFrom('a.b', 'a_b', 'a/b', 'x'.repeat(90)))
  )
  fc.assert(
    fc.property(names, (remote) => {
      const given = nameTools('srv', remote)
      const values = [...given.values()]
      return (
        values.length === remote.length &&
        new Set(values).size === remote.length &&
        values.every((name) => /^srv__[A-Za-z0-9_-]{0,59}$/.test(name) && name.length <= 64) &&
        [...nameTools('srv', remote.toReversed())].every(([key, name]) => given.get(key) === name)
      )
    })
  )
  t.equal(nameTools('git', ['create_issue']).get('create_issue'), 'git__create_issue')
  t.equal(nameTools('git', ['repo.list']).get('repo.list'), 'git__repo_list')
  t.match(nameTools('git', ['repo.list', 'repo_list']).get('repo.list'), /^git__repo_list_[0-9a-f]{8}$/)
})

const SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    path: { type: 'string', minLength: 1, maxLength: 5 },
    depth: { type: 'integer', minimum: 0, maximum: 3 },
    kind: { enum: ['a', 'b'] },
    tags: { type: 'array', items: { type: ['string', 'null'] }, maxItems: 2 },
    inner: { type: 'object', properties: { x: { type: 'number' } }, required: ['x'] },
    free: { anyOf: [{ type: 'string' }] }
  },
  required: ['path'],
  additionalProperties: false
}

const INPUTS: readonly [input: unknown, problem: string | undefined][] = [
  [{ path: 'a' }, undefined],
  [{ path: 'a', depth: 2, kind: 'b', tags: ['x', null], inner: { x: 1.5, y: 2 }, free: 7 }, undefined],
  [{}, 'path is missing'],
  [undefined, 'path is missing'],
  [null, 'path is missing'],
  ['path', 'expected object, got string'],
  [[], 'expected object, got array'],
  [{ path: 5 }, 'path: expected string, got number'],
  [{ path: '' }, 'path: expected at least 1 characters'],
  [{ path: '😀😀😀😀😀' }, undefined],
  [{ path: '123456' }, 'path: expected at most 5 characters'],
  [{ path: 'a', depth: 1.5 }, 'depth: expected integer, got number'],
  [{ path: 'a', depth: 9 }, 'depth: expected at most 3'],
  [{ path: 'a', kind: 'c' }, 'kind: expected one of ["a","b"]'],
  [{ path: 'a', tags: [1] }, 'tags[0]: expected string or null, got number'],
  [{ path: 'a', tags: ['x', 'y', 'z'] }, 'tags: expected at most 2 items'],
  [{ path: 'a', inner: {} }, 'inner.x is missing'],
  [{ path: 'a', inner: null }, 'inner: expected object, got null'],
  [{ path: 'a', other: 1 }, 'other is not known; known are path, depth, kind, tags, inner, free']
]
t.test('input is held against the schema', async (t) => {
  const schema = readInputSchema(SCHEMA)
  if (typeof schema === 'string') throw new Error(schema)
  t.notOk('$schema' in schema.json)
  t.same(schema.json.properties, SCHEMA.properties)
  for (const [input, problem] of INPUTS) {
    const result = schema.check(input)
    t.same(result.success ? undefined : result.message, problem, JSON.stringify(input))
  }
})

t.test('what only the server can check is left to it', async (t) => {
  const schema = readInputSchema({
    type: 'object',
    properties: { a: { $ref: '#/$defs/a' }, b: { type: 'string', pattern: '^(a+)+$' }, c: false, d: { type: 'file' } },
    additionalProperties: false,
    allOf: [{ properties: { e: {} } }]
  })
  if (typeof schema === 'string') throw new Error(schema)
  t.ok(schema.check({ a: 1, b: `${'a'.repeat(60)}!`, c: 1, d: 1, e: 1 }).success)
})

t.test('no schema makes the check slow or throw', async (t) => {
  const levels = Array.from({ length: 60 }, (_unused, index) => [
    `l${index}`,
    { anyOf: [{ $ref: `#/$defs/l${index + 1}` }, { $ref: `#/$defs/l${index + 1}` }] }
  ])
  const bomb = readInputSchema({
    type: 'object',
    properties: { a: { $ref: '#/$defs/l0' } },
    $defs: Object.fromEntries(levels)
  })
  if (typeof bomb === 'string') throw new Error(bomb)
  t.ok(bomb.check({ a: 1 }).success)
  const words = Array.from({ length: 2_500 }, (_unused, index) => index)
  const long = readInputSchema({
    type: 'object',
    additionalProperties: { enum: words },
    properties: { l: { items: { enum: words } } }
  })
  if (typeof long === 'string') throw new Error(long)
  const began = performance.now()
  long.check({ l: Array.from({ length: 16_000 }, () => -1) })
  t.ok(performance.now() - began < 2_000)
  fc.assert(
    fc.property(fc.object({ maxDepth: 4 }), fc.anything({ maxDepth: 3 }), (schema, input) => {
      const read = readInputSchema({ ...schema, type: 'object' })
      return typeof read === 'string' || typeof read.check(input).success === 'boolean'
    })
  )
})

t.test('schemas that cannot be used are named', async (t) => {
  const deep = JSON.parse(`{"type":"object","properties":${'{"a":'.repeat(40)}{}${'}'.repeat(40)}}`) as unknown
  for (const [schema, why] of [
    [undefined, /not of type object/],
    ['text', /not of type object/],
    [{ type: 'string' }, /not of type object/],
    [{ type: 'object', title: 'x'.repeat(40_000) }, /more than 32768 bytes/],
    [deep, /nested too deep/]
  ] as const)
    t.match(readInputSchema(schema), why)
})

t.test('the operator alone says what a tool may do', async (t) => {
  const config = rawServer('x', { effect: 'unsafe', effects: new Map([['read', 'none'] as const]) })
  const listed = ['read', 'write'].map((name) => ({
    name,
    inputSchema: { type: 'object' },
    annotations: { readOnlyHint: true, idempotentHint: true, destructiveHint: false }
  }))
  t.same(
    readToolList(config, listed).tools.map(({ effect }) => effect),
    ['none', 'unsafe']
  )
})

t.test('secrets of the server do not get into what the model reads', async (t) => {
  const config = rawServer('x', { secrets: ['tok-123456'] })
  const { tools, leftOut } = readToolList(config, [
    { name: 'a', description: 'uses tok-123456', inputSchema: { type: 'object' } },
    { name: 'b', inputSchema: { type: 'object', default: 'tok-123456' } }
  ])
  t.match(tools, [{ name: 'test__a', description: 'uses ***' }])
  t.same(leftOut, [{ tool: 'b', why: 'its input schema holds a secret' }])
})

t.test('what all tools of a server add to a model call is bounded', async (t) => {
  const listed = Array.from({ length: 100 }, (_unused, index) => ({
    name: `t${index}`,
    inputSchema: { type: 'object', title: 'x'.repeat(10_000) }
  }))
  const { tools, leftOut } = readToolList(rawServer('x'), [
    ...listed,
    { name: 'small', inputSchema: { type: 'object' } }
  ])
  t.equal(tools.length, 27, 'as many as have room, and a small one behind them')
  t.match(leftOut[0], { tool: 't26', why: /more than 262144 bytes/ })
})

t.test('a tool that is as it was stays the same; one that changed is named', async (t) => {
  const config = rawServer('x')
  const list = (...tools: [name: string, description: string][]) =>
    readToolList(
      config,
      tools.map(([name, description]) => ({ name, description, inputSchema: { type: 'object' } }))
    ).tools
  const before = list(['a', '1'], ['b', '1'], ['c', '1'])
  const { merged, changes } = compareTools(before, list(['a', '1'], ['b', '2'], ['d', '1']))
  t.equal(merged[0], before[0])
  t.not(merged[1], before[1])
  t.same(changes, { added: ['test__d'], removed: ['test__c'], changed: ['test__b'] })
  t.equal(compareTools(before, list(['a', '1'], ['b', '1'], ['c', '1'])).changes, undefined)
})
