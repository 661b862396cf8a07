import { findDurableRun } from '@semibot/db'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { renderTable, showTime } from '../../table.ts'
import { withDatabase } from '../../with-database.ts'
import { noSuchRun, requireId } from './run-id.ts'

/** `semibot runs show <id>` */
export function runsShowCommand(cli: Cli): Command {
  return new Command('show')
    .description('one durable execution with its steps, without what was said')
    .argument('<id>', 'id of the execution')
    .action(async (id: string) => {
      requireId(id)
      await withDatabase(cli, async ({ db }) => {
        const run = (await findDurableRun(db, id)) ?? noSuchRun(id)
        const alive = run.ownerAlive ? '' : ', not heard of'
        const head = `${run.executionId} of ${run.org}, agent ${run.agent}: ${run.status}${
          run.status === 'running' ? ` (${run.owner ?? 'nobody'}${alive})` : ''
        }, ${run.owners} owner${run.owners === 1 ? '' : 's'}\n\n`
        const rows = run.stepList.map((step) => [
          step.name,
          step.effect,
          step.status ?? (step.recordedAt === null ? 'begun' : 'done'),
          String(step.epoch),
          showTime(step.beganAt),
          showTime(step.recordedAt)
        ])
        const table = renderTable(
          ['STEP', 'EFFECT', 'RESULT', 'OWNER', 'BEGUN', 'RECORDED'],
          rows,
          'It has no step yet.'
        )
        cli.result(run, head + table)
      })
    })
}
