import { CommanderError } from 'commander'
import { createCli, type Terminal } from './cli.ts'
import { describeFailure, EXIT_USAGE } from './failure.ts'
import { buildProgram } from './program.ts'

/**
 * Runs one command line and resolves with the exit code: 0 done, 1 failed, 2 wrong command line. Never throws; a stack
 * trace is only written with --debug.
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const cli = createCli(terminal)
  const program = buildProgram(cli)
  try {
    if (args.length === 0) {
      program.outputHelp()
      return 0
    }
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    // commander has written its message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
    const { message, exitCode } = describeFailure(error)
    cli.note(`semibot: ${message}\n`)
    if (cli.debug && error instanceof Error) cli.note(`${error.stack}\n`)
    return exitCode
  }
}
