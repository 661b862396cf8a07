import { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { showFailover } from '../demo/failover.ts'
import { findRunningStack } from '../demo/find-running-stack.ts'
import { createScreen } from '../demo/screen.ts'

/** `semibot demo failover`: kills the runtime of `npm start` in the middle of a chat, and shows that nobody notices. */
export function demoFailoverCommand(cli: Cli): Command {
  return new Command('failover')
    .description('kill the runtime of npm start in the middle of a streaming chat, and watch the chat go on (20 s)')
    .action(async () => {
      const stack = await findRunningStack(cli)
      const report = await showFailover(stack, createScreen(cli.json ? () => {} : cli.print))
      cli.result(report, '')
    })
}
