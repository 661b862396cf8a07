/** What the command has of its surroundings. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Working directory. */
  readonly directory: string
  /** Results: standard output. */
  print(text: string): unknown
  /** Everything else: standard error. */
  note(text: string): unknown
}

/** The terminal with the global options of this call. */
export interface Cli extends Terminal {
  readonly json: boolean
  readonly debug: boolean
  /** Prints the result: `value` as JSON with --json, else `text`, which ends in a line feed. */
  result(value: unknown, text: string): void
}

/** Global options are known only once the command line is parsed, so this is filled in then. */
export interface CliState extends Cli {
  json: boolean
  debug: boolean
}

/** Puts the global options beside a terminal. */
export function createCli(terminal: Terminal): CliState {
  const { environment, directory, print, note } = terminal
  const cli: CliState = {
    environment,
    directory,
    print,
    note,
    json: false,
    debug: false,
    result: (value, text) => void print(cli.json ? `${JSON.stringify(value, null, 2)}\n` : text)
  }
  return cli
}
