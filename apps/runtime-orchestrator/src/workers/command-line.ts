import { parseArgs } from 'node:util'

/** What the command line of semibot-runtime asks for. */
export type CommandLine =
  | { kind: 'run'; environment: Record<string, string> }
  | { kind: 'print'; text: string }
  | { kind: 'wrong'; message: string }

const OPTIONS = {
  workers: { key: 'RUNTIME_WORKERS', value: 'N', help: 'worker processes that share the port' },
  port: { key: 'RUNTIME_PORT', value: 'PORT', help: 'port to listen on; 0 takes any free one' },
  host: { key: 'RUNTIME_HOST', value: 'HOST', help: 'address to listen on' },
  'log-file': { key: 'LOG_FILE', value: 'FILE', help: 'also write the log to this file' }
} as const

/** Key and value of each option that was given stand in for the environment's; the rest is said by `text` or `message`. */
export function readCommandLine(words: readonly string[], version: string): CommandLine {
  let given: { values: Record<string, string | boolean | undefined> }
  try {
    const strings = Object.fromEntries(Object.keys(OPTIONS).map((name) => [name, { type: 'string' as const }]))
    const flags = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } } as const
    given = parseArgs({ args: [...words], options: { ...strings, ...flags } })
  } catch (error) {
    // The first sentence says what; what follows it is about other programs' conventions.
    const [what = ''] = (error as Error).message.split('. ')
    return { kind: 'wrong', message: `${what.replace(/\.$/, '')}. semibot-runtime --help lists the options.` }
  }
  const { values } = given
  if (values.help === true) return { kind: 'print', text: HELP }
  if (values.version === true) return { kind: 'print', text: `${version}\n` }
  const environment: Record<string, string> = {}
  for (const [name, { key }] of Object.entries(OPTIONS)) {
    const value = values[name]
    if (typeof value === 'string') environment[key] = value
  }
  return { kind: 'run', environment }
}

const HELP = `semibot-runtime: runs agents for the api.

Usage: semibot-runtime [options]

${Object.entries(OPTIONS)
  .map(([name, { key, value, help }]) => `  ${`--${name} ${value}`.padEnd(18)} ${help} (${key})`)
  .join('\n')}
  ${'--help'.padEnd(18)} this text
  ${'--version'.padEnd(18)} the version

An option wins over the environment key in brackets, and the environment over the file ENV_FILE (default ./.env).
All other settings are environment keys: see .env.example. RUNTIME_SERVICE_TOKEN is required.

Signals: SIGTERM and SIGINT end it when running executions have ended, at the latest after SHUTDOWN_GRACE_MS;
SIGHUP opens the log file again, and reads configuration and certificate again. Each reaches all workers.
`
