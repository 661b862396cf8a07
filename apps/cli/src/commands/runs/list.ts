import { type DurableStatus, listDurableRuns, listUnknownSteps } from '@semibot/db'
import { Command, Option } from 'commander'
import type { Cli } from '../../cli.ts'
import { requireOrg } from '../../find-org.ts'
import { wholeNumber } from '../../numbers.ts'
import { renderTable, showTime } from '../../table.ts'
import { withDatabase } from '../../with-database.ts'

interface Options {
  status?: DurableStatus
  org?: string
  limit: number
  unknown?: boolean
}

const STATUSES: readonly DurableStatus[] = ['running', 'completed', 'failed', 'cancelled']
const MAX_LIMIT = 1000

/** `semibot runs list` */
export function runsListCommand(cli: Cli): Command {
  return new Command('list')
    .description('durable executions of the runtimes, newest first')
    .addOption(new Option('--status <status>', 'only those that stand so').choices(STATUSES))
    .option('--org <org>', 'only those of this organisation, id or slug')
    .option('--limit <count>', 'at most so many', wholeNumber(1, MAX_LIMIT), 50)
    .addOption(
      new Option('--unknown', 'tool calls of which nobody knows whether they took effect, instead').conflicts('status')
    )
    .action((options: Options) =>
      withDatabase(cli, ({ db }) => (options.unknown ? unknown(options) : runs(options))(db))
    )

  function runs({ status, org: idOrSlug, limit }: Options) {
    return async (db: Parameters<typeof listDurableRuns>[0]) => {
      const org = idOrSlug === undefined ? undefined : await requireOrg(db, idOrSlug)
      const found = await listDurableRuns(db, { status, orgId: org?.id, limit })
      const rows = found.map((run) => [
        run.executionId,
        run.org,
        run.agent,
        run.status,
        run.status !== 'running' ? '' : `${run.owner ?? 'nobody'}${run.ownerAlive ? '' : ' (not heard of)'}`,
        String(run.owners),
        String(run.steps),
        run.unknownSteps === 0 ? '' : String(run.unknownSteps),
        showTime(run.createdAt)
      ])
      const head = ['EXECUTION', 'ORG', 'AGENT', 'STATUS', 'OWNER', 'OWNERS', 'STEPS', 'UNKNOWN', 'BEGUN']
      cli.result(found, renderTable(head, rows, 'There is no such run.'))
    }
  }

  function unknown({ org: idOrSlug, limit }: Options) {
    return async (db: Parameters<typeof listUnknownSteps>[0]) => {
      const org = idOrSlug === undefined ? undefined : await requireOrg(db, idOrSlug)
      const found = await listUnknownSteps(db, { orgId: org?.id, limit })
      const rows = found.map((step) => [step.executionId, step.org, step.tool, step.toolCallId, showTime(step.beganAt)])
      const nothing = 'The result of every tool call is known.'
      cli.result(found, renderTable(['EXECUTION', 'ORG', 'TOOL', 'CALL', 'BEGUN'], rows, nothing))
    }
  }
}
