import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '@semibot/config'
import fc from 'fast-check'
import t from 'tap'
import { expandVariables } from '../../../src/tools/mcp/expand-variables.ts'
import { readServersFile } from '../../../src/tools/mcp/read-servers-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'semibot-mcp-file-'))
mkdirSync(join(folder, 'work'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, 'mcp.json')
const ORG = '019ab000-0000-7000-8000-000000000002'
const VARIABLES: Record<string, string> = { TOKEN: 'tok-123456', EMPTY: '', HOST: 'mcp.example.org', TWO_LINES: 'a\nb' }

function read(content: unknown) {
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return readServersFile({ path, variables: (name) => VARIABLES[name], inherited: { PATH: '/bin', HOME: '/home/x' } })
}

const readOne = (entry: unknown, name = 'files') => read({ mcpServers: { [name]: entry } })

function refusal(content: unknown): string {
  try {
    read(content)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('expected a ConfigError')
}

t.test('the shape of other clients is enough', async (t) => {
  const [server] = readOne({ command: 'npx', args: ['-y', 'some-server', `\${HOST}`], env: { API_TOKEN: `\${TOKEN}` } })
  t.match(server, {
    name: 'files',
    endpoint: {
      kind: 'stdio',
      command: 'npx',
      args: ['-y', 'some-server', 'mcp.example.org'],
      env: { PATH: '/bin', HOME: '/home/x', API_TOKEN: 'tok-123456' },
      cwd: folder
    },
    effect: 'unsafe',
    timeoutMs: 30_000,
    maxOutputBytes: 65_536
  })
  t.same([server?.allowedTools, server?.orgs], [undefined, undefined])
  t.same(server?.secrets, ['tok-123456'])
})

t.test('a server over HTTP with everything', async (t) => {
  const [server] = readOne({
    type: 'http',
    url: `https://\${HOST}/mcp?tenant=\${EMPTY:-acme}`,
    headers: { Authorization: `Bearer \${TOKEN}`, 'x-note': `cost in $ and $\${TOKEN}` },
    effect: 'idempotent',
    effects: { search: 'none' },
    allowedTools: ['search', 'write'],
    orgs: [ORG.toUpperCase()],
    timeoutMs: 100,
    maxOutputBytes: 1_000
  })
  t.match(server?.endpoint, { kind: 'http', headers: { Authorization: 'Bearer tok-123456' } })
  t.match(server?.endpoint, { url: { href: 'https://mcp.example.org/mcp?tenant=acme' } })
  t.match(server?.endpoint, { headers: { 'x-note': `cost in $ and \${TOKEN}` } })
  t.match(server, { effect: 'idempotent', timeoutMs: 100, maxOutputBytes: 1_000 })
  t.same([...(server?.effects ?? [])], [['search', 'none']])
  t.same([...(server?.allowedTools ?? [])], ['search', 'write'])
  t.same([...(server?.orgs ?? [])], [ORG])
  t.same(server?.secrets, ['Bearer tok-123456', 'tok-123456'], 'the longest first')
})

t.test('a secret that stands in the file itself is one all the same', async (t) => {
  const [server] = readOne({ url: 'http://h/', headers: { 'X-Api-Key': 'literal-key-1', accept_language: 'en-GB-x' } })
  t.same(server?.secrets, ['literal-key-1'])
  const [query] = readOne({ url: 'http://h/mcp?apiKey=literal-key-2&page=number-two' })
  t.same(query?.secrets, ['literal-key-2'])
  const [child] = readOne({ command: 'x', env: { AUTHOR: 'Ada Lovelace', DB_AUTH: 'ada-lovelace' } })
  t.same(child?.secrets, ['ada-lovelace'])
})

t.test('paths start from the folder of the file', async (t) => {
  const [server] = readOne({ command: './bin/server', cwd: 'work' })
  t.match(server?.endpoint, { command: join(folder, 'bin/server'), cwd: join(folder, 'work') })
})

t.test('disabled servers are left out, with their problems', async (t) => {
  t.same(read({ mcpServers: {} }), [])
  t.same(readOne({ command: 'x', env: { A: `\${UNSET}` }, disabled: true }), [])
  t.equal(readOne({ command: 'x', disabled: false }).length, 1)
})

const REFUSED: readonly [what: string, content: unknown, message: string][] = [
  ['no JSON', '{"mcpServers": {\n  "a": }', 'MCP_SERVERS_FILE: "FILE"; expected valid JSON (look at line 2, column 8)'],
  ['half of JSON', '{"mcpServers": {', 'expected valid JSON (it ends too early)'],
  ['nothing', '', 'expected valid JSON (it is empty)'],
  ['a list', [], 'expected an object: {"mcpServers": {"name": {...}}}'],
  ['no servers', {}, 'mcpServers: not set (from FILE); expected an object of servers by name'],
  ['a misspelt top', { mcpServers: {}, servers: {} }, 'servers: an object (from FILE); expected mcpServers alone'],
  ['a list of servers', { mcpServers: [] }, 'mcpServers: [] (from FILE); expected an object of servers by name'],
  [
    'too many servers',
    { mcpServers: Object.fromEntries(Array.from({ length: 33 }, (_x, n) => [`s${n}`, {}])) },
    'at most 32'
  ],
  ['a bad name', { mcpServers: { 'my files': {} } }, 'expected a name of 1 to 32 letters, digits, - and single _'],
  ['a name with __', { mcpServers: { a__b: {} } }, 'expected a name of 1 to 32'],
  ['a name that ends in _', { mcpServers: { a_: {} } }, 'expected a name of 1 to 32'],
  ['a long name', { mcpServers: { ['a'.repeat(33)]: {} } }, 'expected a name of 1 to 32'],
  [
    'text in place of a server',
    { mcpServers: { a: 'npx' } },
    'mcpServers.a: "npx" (from FILE); expected an object with either'
  ],
  [
    'neither command nor url',
    { mcpServers: { a: { args: [] } } },
    'mcpServers.a: ["args"] (from FILE); expected an object with either a command or a url'
  ],
  [
    'both',
    { mcpServers: { a: { command: 'x', url: 'http://h' } } },
    'expected an object with either a command or a url'
  ]
]
for (const [what, content, message] of REFUSED)
  t.test(`a file with ${what} is refused`, async (t) => t.match(refusal(content).replaceAll(path, 'FILE'), message))

const BAD_ENTRIES: readonly [entry: unknown, message: string][] = [
  [
    { command: 'x', timeout: 5 },
    'mcpServers.files.timeout: 5 (from FILE); expected one of the settings type, command, args'
  ],
  [{ command: 7 }, 'mcpServers.files.command: 7 (from FILE); expected a program'],
  [{ command: '' }, 'mcpServers.files.command: "" (from FILE); expected a program'],
  [
    { command: 'x', type: 'http' },
    'mcpServers.files.type: "http" (from FILE); expected stdio, since there is a command'
  ],
  [{ command: 'x', args: 'a b' }, 'mcpServers.files.args: *** (3 characters) (from FILE); expected a list of texts'],
  [{ command: 'x', args: ['a', 5] }, 'mcpServers.files.args.1: *** (1 characters) (from FILE); expected text'],
  [
    { command: 'x', env: { 'A-B': 'x' } },
    'mcpServers.files.env.A-B: *** (3 characters) (from FILE); expected an object of environment'
  ],
  [{ command: 'x', env: { PORT: 80 } }, 'mcpServers.files.env.PORT: *** (2 characters) (from FILE); expected text'],
  [
    { command: 'x', env: { A: `\${UNSET}` } },
    `mcpServers.files.env.A: *** (8 characters) (from FILE); expected a value for \${UNSET}`
  ],
  [
    { command: 'x', args: [`\${EMPTY}`] },
    `mcpServers.files.args.0: *** (8 characters) (from FILE); expected a value for \${EMPTY}`
  ],
  [{ command: 'x', cwd: 'nowhere' }, 'mcpServers.files.cwd: "nowhere" (from FILE); expected a folder that exists'],
  [
    { command: 'x', effect: 'safe' },
    'mcpServers.files.effect: "safe" (from FILE); expected one of none, idempotent, unsafe'
  ],
  [
    { command: 'x', effects: { a: 'read' } },
    'mcpServers.files.effects.a: "read" (from FILE); expected one of none, idempotent, unsafe'
  ],
  [
    { command: 'x', allowedTools: ['a'], effects: { b: 'none' } },
    'mcpServers.files.effects.b: "none" (from FILE); expected the effect of one of allowedTools: a'
  ],
  [
    { command: 'x', allowedTools: [] },
    'mcpServers.files.allowedTools: [] (from FILE); expected a list of at least one of names of tools; leave it out for all'
  ],
  [
    { command: 'x', orgs: ['acme'] },
    'mcpServers.files.orgs.0: "acme" (from FILE); expected an organisation id (a UUID'
  ],
  [
    { command: 'x', timeoutMs: 99 },
    'mcpServers.files.timeoutMs: 99 (from FILE); expected a whole number from 100 to 600000'
  ],
  [
    { command: 'x', timeoutMs: '5s' },
    'mcpServers.files.timeoutMs: "5s" (from FILE); expected a whole number from 100 to 600000'
  ],
  [
    { command: 'x', maxOutputBytes: 1e9 },
    'mcpServers.files.maxOutputBytes: 1000000000 (from FILE); expected a whole number from 256 to 131072'
  ],
  [{ command: 'x', disabled: 'yes' }, 'mcpServers.files.disabled: "yes" (from FILE); expected true or false'],
  [{ url: 'ftp://h/' }, 'mcpServers.files.url: "ftp://h/" (from FILE); expected an http(s) URL'],
  [{ url: 'not a url' }, 'mcpServers.files.url: "not a url" (from FILE); expected an http(s) URL'],
  [
    { url: 'https://u:p4ss@h/' },
    'mcpServers.files.url: "https://u:***@h/" (from FILE); expected an http(s) URL such as'
  ],
  [
    { url: 'http://h/', type: 'sse' },
    'mcpServers.files.type: "sse" (from FILE); expected http, since there is a url; the older SSE transport is not supported'
  ],
  [
    { url: 'http://h/', command: undefined, headers: { 'content-type': 'x' } },
    'mcpServers.files.headers.content-type: *** (12 characters) (from FILE); expected an object of HTTP headers'
  ],
  [
    { url: 'http://h/', headers: { A: 'a\nb' } },
    'mcpServers.files.headers.A: *** (3 characters) (from FILE); expected a header value'
  ],
  [
    { url: 'http://h/', headers: { A: `\${TWO_LINES}` } },
    'mcpServers.files.headers.A: *** (3 characters) (from FILE); expected visible ASCII'
  ]
]
for (const [entry, message] of BAD_ENTRIES)
  t.test(`refused: ${message}`, async (t) => {
    const text = refusal({ mcpServers: { files: entry } }).replaceAll(path, 'FILE')
    t.ok(text.includes(message), text)
    t.equal(text.split('\n').length, 2, 'and nothing else')
  })

t.test('all problems are told at once', async (t) => {
  const text = refusal({ mcpServers: { a: { command: 'x', effect: 'y' }, b: { url: 'z' }, 'c d': {} } })
  t.match(
    text,
    /^The configuration has 3 bad keys:\n {2}mcpServers\.a\.effect.*\n {2}mcpServers\.b\.url.*\n {2}mcpServers\.c d/
  )
})

t.test('a file that is not there, and one that is a folder', async (t) => {
  const at = (file: string) => () => readServersFile({ path: file, variables: () => undefined, inherited: {} })
  t.throws(at(join(folder, 'none.json')), {
    message: /MCP_SERVERS_FILE: ".*none.json"; expected a file that can be read \(ENOENT\)/
  })
  t.throws(at(folder), { message: /expected a file/ })
})

t.test('no secret shows in a refusal, whatever is wrong with the file', async (t) => {
  const secret = 'hunter2-hunter2'
  for (const setting of ['env', 'headers'])
    for (const bad of [
      secret,
      [secret],
      { A: [secret] },
      { A: `${secret}\0` },
      { [`bad ${'\n'}`]: secret },
      { A: { B: secret } }
    ])
      for (const entry of [
        { command: 'x', [setting]: bad },
        { url: 'http://h/', [setting]: bad }
      ]) {
        const text = refusal({ mcpServers: { files: entry } })
        t.notMatch(text, secret)
      }
  t.notMatch(refusal(`{"mcpServers": {"a": {"env": {"A": "${secret}"}}`), secret)
})

t.test('variables: everything else in a text stays as it is', async (t) => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (left, right) => {
      fc.pre(!`${left}${right}`.includes(`\${`))
      fc.pre(!left.endsWith('$'))
      const { text, missing } = expandVariables(`${left}\${TOKEN}${right}`, (name) =>
        name === 'TOKEN' ? `\${TOKEN}$` : undefined
      )
      return text === `${left}\${TOKEN}$${right}` && missing.length === 0
    })
  )
  t.same(
    expandVariables(`\${A} \${B:-b} \${C:-} \${1} $D $\${A}`, (name) => ({ A: 'a', D: 'd' })[name]),
    {
      text: `a b  \${1} $D \${A}`,
      filled: [{ name: 'A', value: 'a' }],
      missing: []
    }
  )
})
