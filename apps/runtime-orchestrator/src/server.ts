import cluster from 'node:cluster'
import { createRuntimeLogger, readEnvOrExit, reloadEnv } from './start-up.ts'
import { VERSION } from './version.ts'
import { readCommandLine } from './workers/command-line.ts'

if (cluster.isWorker) {
  const [{ serve }, { linkToLauncher }] = await Promise.all([import('./serve.ts'), import('./workers/worker-link.ts')])
  await serve({ link: linkToLauncher() })
} else {
  const environment = commandLine()
  const env = readEnvOrExit(environment)
  if (env.values.RUNTIME_WORKERS === 1) {
    const { serve } = await import('./serve.ts')
    await serve({ env })
  } else {
    const { runLauncher } = await import('./workers/launcher.ts')
    const logger = createRuntimeLogger(env, true)
    for (const warning of env.warnings) logger.logger.warn(warning)
    await runLauncher({ env, logger, version: VERSION, environment, reload: () => reloadEnv(env, logger) })
  }
}

function commandLine(): Record<string, string> {
  const read = readCommandLine(process.argv.slice(2), VERSION)
  if (read.kind === 'run') return read.environment
  if (read.kind === 'print') process.stdout.write(read.text)
  else process.stderr.write(`semibot-runtime: ${read.message}\n`)
  process.exit(read.kind === 'print' ? 0 : 2)
}
