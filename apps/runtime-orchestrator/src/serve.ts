import { runService, StartupError } from '@semibot/service-kit'
import { type AppOptions, buildApp } from './app.ts'
import { DRAIN_FLUSH_MS } from './constants/config.ts'
import type { ReloadableEnv, ServiceEnv } from './env.ts'
import {
  createRuntimeLogger,
  readEnvOrExit,
  readRuntimeTls,
  refuseToStart,
  reloadCertificate,
  reloadEnv
} from './start-up.ts'

export interface ServeOptions extends Omit<AppOptions, 'logger' | 'droppedLines' | 'tls'> {
  /** Default: what this process finds. */
  env?: ReloadableEnv
}

/** Runs this service as this process, until it is told to stop. */
export async function serve({ env = readEnvOrExit(), ...options }: ServeOptions = {}): Promise<void> {
  const { values } = env
  const { link } = options
  const logger = createRuntimeLogger(env, link !== undefined)
  // The launcher has said them for its workers.
  if (link === undefined) for (const warning of env.warnings) logger.logger.warn(warning)
  const { logger: log, droppedLines } = logger
  const app = await build().catch((error: unknown) => refuseToStart(error, logger))

  await runService({
    app,
    logger,
    listen: {
      host: values.RUNTIME_HOST,
      port: values.RUNTIME_PORT,
      hostKey: 'RUNTIME_HOST',
      portKey: 'RUNTIME_PORT',
      secure: values.RUNTIME_TLS_CERT !== undefined
    },
    onSighup: () => {
      reloadEnv(env, logger)
      reloadCertificate(env, app.server, logger)
    },
    graceMs: values.SHUTDOWN_GRACE_MS + DRAIN_FLUSH_MS,
    ...(link === undefined ? {} : { managed: (stop: () => void) => link.onStop(stop) })
  })

  async function build() {
    requireToken(env)
    return await buildApp(env, { logger: log, droppedLines, tls: readRuntimeTls(env), ...options })
  }
}

function requireToken({ values }: ServiceEnv): void {
  if (values.RUNTIME_SERVICE_TOKEN.length === 0)
    throw new StartupError(
      'RUNTIME_SERVICE_TOKEN is not set, so every call would be refused. Set it to the token that the api sends.'
    )
}
