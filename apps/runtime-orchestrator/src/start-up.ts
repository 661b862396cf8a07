import { ConfigError } from '@semibot/config'
import {
  createLogger,
  readTls,
  replaceCertificate,
  type ServiceLogger,
  StartupError,
  type TlsMaterial
} from '@semibot/service-kit'
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

/**
 * Certificate and key, where the runtime is to speak HTTPS.
 * @throws StartupError that says which file is wrong, and how
 */
export function readRuntimeTls({ values }: Pick<ReloadableEnv, 'values'>): TlsMaterial | undefined {
  const { RUNTIME_TLS_CERT: certFile, RUNTIME_TLS_KEY: keyFile } = values
  if (certFile === undefined || keyFile === undefined) return undefined
  return readTls({ certFile, keyFile, certKey: 'RUNTIME_TLS_CERT', keyKey: 'RUNTIME_TLS_KEY' })
}

/** Says what kept the service from starting, and ends the process. */
export async function refuseToStart(error: unknown, { logger, flush }: ServiceLogger): Promise<never> {
  if (error instanceof StartupError) logger.fatal(error.message)
  else logger.fatal({ err: error }, 'the service could not start')
  await flush()
  process.exit(1)
}

/** Reads the certificate again, for the connections that follow; a bad one is said, and the old one stays. */
export function reloadCertificate(
  env: Pick<ReloadableEnv, 'values'>,
  server: object,
  { logger }: Pick<ServiceLogger, 'logger'>
): void {
  try {
    const tls = readRuntimeTls(env)
    if (tls === undefined) return
    replaceCertificate(server, tls)
    logger.info({ subject: tls.subject, validTo: tls.validTo }, LOG.certificateRead)
  } catch (error) {
    logger.error({ detail: (error as Error).message }, LOG.certificateRefused)
  }
}

function keysOf(changes: readonly { key: string }[]): string[] {
  return changes.map(({ key }) => key)
}
