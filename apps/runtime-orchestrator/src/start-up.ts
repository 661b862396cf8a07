import { ConfigError } from '@semibot/config'
import { createLogger, type ServiceLogger } from '@semibot/service-kit'
import { LOG } from './constants/log-messages.ts'
import { type ReloadableEnv, readEnv } from './env.ts'

/** The environment, with the keys of `given` in front of it; bad keys are said on standard error and end the process. */
export function readEnvOrExit(given: Record<string, string> = {}): ReloadableEnv {
  try {
    return readEnv(given)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}

/** The log of one process of this service; `shared`: others write to the same standard output. */
export function createRuntimeLogger({ values }: Pick<ReloadableEnv, 'values'>, shared: boolean): ServiceLogger {
  const target = { level: values.LOG_LEVEL, file: values.LOG_FILE }
  return createLogger({ name: 'runtime-orchestrator', ...target, sharedStdout: shared })
}

/** Reads the configuration again and says what has changed. */
export function reloadEnv(env: ReloadableEnv, { logger }: Pick<ServiceLogger, 'logger'>): void {
  const { changed, refused, needRestart } = env.reload()
  for (const { key, expected } of refused) logger.error({ key, expected }, LOG.reloadRefused)
  if (changed.length > 0) logger.info({ keys: keysOf(changed) }, LOG.reloaded)
  if (needRestart.length > 0) logger.warn({ keys: keysOf(needRestart) }, LOG.reloadNeedsRestart)
  logger.level = env.values.LOG_LEVEL
}

function keysOf(changes: readonly { key: string }[]): string[] {
  return changes.map(({ key }) => key)
}
