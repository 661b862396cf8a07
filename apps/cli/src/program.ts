import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import type { CliState } from './cli.ts'
import { configDocsCommand } from './commands/config/docs.ts'
import { configExampleCommand } from './commands/config/example.ts'
import { configShowCommand } from './commands/config/show.ts'
import { dbMigrateCommand } from './commands/db/migrate.ts'
import { dbPartitionsCommand } from './commands/db/partitions.ts'
import { dbRetentionCommand } from './commands/db/retention.ts'
import { dbStatusCommand } from './commands/db/status.ts'
import { demoFailoverCommand } from './commands/demo.ts'
import { devSeedCommand } from './commands/dev/seed.ts'
import { doctorCommand } from './commands/doctor.ts'
import { drillCommand } from './commands/drill.ts'
import { keysCreateCommand } from './commands/keys/create.ts'
import { keysListCommand } from './commands/keys/list.ts'
import { keysRevokeCommand } from './commands/keys/revoke.ts'
import { orgsCreateCommand } from './commands/orgs/create.ts'
import { orgsListCommand } from './commands/orgs/list.ts'
import { runsCancelCommand } from './commands/runs/cancel.ts'
import { runsListCommand } from './commands/runs/list.ts'
import { runsShowCommand } from './commands/runs/show.ts'

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function group(name: string, description: string, commands: readonly Command[]): Command {
  const parent = new Command(name).description(description)
  for (const command of commands) parent.addCommand(command)
  return parent
}

function settle(command: Command, cli: CliState): void {
  command
    .exitOverride()
    .showHelpAfterError('(--help tells what there is)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: cli.print,
      writeErr: cli.note,
      outputError: (text, write) => write(text.replace(/^error: /, 'semibot: '))
    })
  for (const child of command.commands) settle(child, cli)
}

/** The whole command line: every subcommand has a file of its own in commands/. */
export function buildProgram(cli: CliState): Command {
  const program = new Command('semibot')
    .description('Operate a Semibot: configuration, organisations, keys, database, diagnosis.')
    .version(version(), '-V, --version')
    .option('--json', 'print the result as JSON')
    .option('--debug', 'print stack traces of errors')
    .addHelpText(
      'after',
      `
The database is DATABASE_URL from the environment or the file ENV_FILE, else PGHOST, PGPORT, PGUSER, PGPASSWORD and
PGDATABASE, else the one that npm start has brought up.
Exit code: 0 done, 1 failed, 2 wrong command line.`
    )
  program.addCommand(
    group('config', 'the environment keys', [configShowCommand(cli), configExampleCommand(cli), configDocsCommand(cli)])
  )
  program.addCommand(group('orgs', 'organisations', [orgsCreateCommand(cli), orgsListCommand(cli)]))
  program.addCommand(
    group('keys', 'API keys of an organisation', [keysCreateCommand(cli), keysListCommand(cli), keysRevokeCommand(cli)])
  )
  program.addCommand(
    group('db', 'the database', [
      dbMigrateCommand(cli),
      dbStatusCommand(cli),
      dbRetentionCommand(cli),
      dbPartitionsCommand(cli)
    ])
  )
  program.addCommand(
    group('runs', 'durable executions of the runtimes', [
      runsListCommand(cli),
      runsShowCommand(cli),
      runsCancelCommand(cli)
    ])
  )
  program.addCommand(group('dev', 'for development', [devSeedCommand(cli)]))
  program.addCommand(group('demo', 'what it is for, live', [demoFailoverCommand(cli)]))
  program.addCommand(doctorCommand(cli))
  program.addCommand(drillCommand(cli))
  program.hook('preAction', (_program, command) => {
    const { json = false, debug = false } = command.optsWithGlobals<{ json?: boolean; debug?: boolean }>()
    cli.json = json
    cli.debug = debug
  })
  settle(program, cli)
  return program
}
