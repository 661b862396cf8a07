import { readFileSync } from 'node:fs'
import { ConfigError } from '@semibot/config'
import { createLogger, runService, StartupError } from '@semibot/service-kit'
import { buildApp } from './app.ts'
import { loadApiEnv } from './env.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

try {
  const loaded = loadApiEnv()
  const env = loaded.values
  const logger = createLogger({ name: 'api', level: env.LOG_LEVEL, file: env.LOG_FILE })
  for (const warning of loaded.warnings) logger.logger.warn(warning)

  const app = await buildApp({ env, logger, version })
  await runService({
    app,
    logger,
    listen: { host: env.API_HOST, port: env.API_PORT, hostKey: 'API_HOST', portKey: 'API_PORT' },
    onSighup: () => {
      const { changed, refused, needRestart, warnings } = loaded.reload()
      logger.logger.level = env.LOG_LEVEL
      app.reloadFallback()
      for (const change of changed) logger.logger.info(change, 'configuration changed')
      for (const problem of refused) logger.logger.error(problem, 'configuration refused, the old value stays')
      for (const change of needRestart) logger.logger.warn(change, 'configuration changes at the next start')
      for (const warning of warnings) logger.logger.warn(warning)
    },
    graceMs: env.SHUTDOWN_GRACE_MS + 15_000
  })
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof StartupError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
