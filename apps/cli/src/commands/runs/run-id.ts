import { CliError, EXIT_USAGE } from '../../failure.ts'

/** @throws CliError when it is no id of an execution */
export function requireId(id: string): void {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return
  throw new CliError(`id: expected the UUID of an execution, got ${JSON.stringify(id.slice(0, 60))}`, EXIT_USAGE)
}

/** @throws CliError always */
export function noSuchRun(id: string): never {
  throw new CliError(`there is no durable execution ${id}; semibot runs list shows the newest`)
}
