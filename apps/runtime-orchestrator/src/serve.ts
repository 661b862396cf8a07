import { ConfigError } from '@semibot/config'
import { createLogger, runService, StartupError } from '@semibot/service-kit'
import { type AppOptions, buildApp } from './app.ts'
import { DRAIN_FLUSH_MS } from './constants/config.ts'
import { LOG } from './constants/log-messages.ts'
import { readEnv, type ServiceEnv } from './env.ts'

/** Runs this service as this process, until it is told to stop. */
export async function serve(options: Omit<AppOptions, 'logger' | 'droppedLines'> = {}): Promise<void> {
  const env = readEnvOrExit()
  const { values } = env
  const logger = createLogger({ name: 'runtime-orchestrator', level: values.LOG_LEVEL, file: values.LOG_FILE })
  for (const warning of env.warnings) logger.logger.warn(warning)

  await runService({
    app: await buildApp(env, { logger: logger.logger, droppedLines: logger.droppedLines, ...options }),
    logger,
    listen: { host: values.RUNTIME_HOST, port: values.RUNTIME_PORT, hostKey: 'RUNTIME_HOST', portKey: 'RUNTIME_PORT' },
    start: async () => requireToken(env),
    onSighup: () => {
      const { changed, refused, needRestart } = env.reload()
      for (const { key, expected } of refused) logger.logger.error({ key, expected }, LOG.reloadRefused)
      if (changed.length > 0) logger.logger.info({ keys: keysOf(changed) }, LOG.reloaded)
      if (needRestart.length > 0) logger.logger.warn({ keys: keysOf(needRestart) }, LOG.reloadNeedsRestart)
      logger.logger.level = values.LOG_LEVEL
    },
    graceMs: values.SHUTDOWN_GRACE_MS + DRAIN_FLUSH_MS
  })
}

function readEnvOrExit() {
  try {
    return readEnv()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}

function requireToken({ values }: ServiceEnv): void {
  if (values.RUNTIME_SERVICE_TOKEN.length === 0)
    throw new StartupError(
      'RUNTIME_SERVICE_TOKEN is not set, so every call would be refused. Set it to the token that the api sends.'
    )
}

function keysOf(changes: readonly { key: string }[]): string[] {
  return changes.map(({ key }) => key)
}
