import { describeKeys, renderEnvExample } from '@semibot/config'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'

/** `semibot config example` */
export function configExampleCommand(cli: Cli): Command {
  return new Command('example')
    .description('the text of .env.example: every key with its meaning and default')
    .action(() => cli.result(describeKeys(), renderEnvExample()))
}
