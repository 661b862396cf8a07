// pm2 start /opt/semibot/current/pm2/ecosystem.config.cjs, as the user that the logs belong to (docs/deploy-debian.md).
//
// Settings belong into the .env files, which the services read at each start and on SIGHUP. What stood here instead would
// be kept by pm2: a restart would go on with the old value.
const { join } = require('node:path')

// By this name, and not where this file really lies: then pm2 reload takes up the release that is current by then.
const release = process.env.SEMIBOT_RELEASE ?? '/opt/semibot/current'
const node = join(release, 'bin/node')
const settings = process.env.SEMIBOT_CONFIG ?? '/etc/semibot'
const logs = process.env.SEMIBOT_LOGS ?? '/var/log/semibot'

/** Services write their logs themselves (LOG_FILE): pm2 keeps only what is said before there is a log. */
const own = (name) => ({
  name,
  cwd: release,
  time: false,
  out_file: '/dev/null',
  error_file: join(logs, `${name}-start.log`),
  merge_logs: true,
  // They say so themselves when they take calls.
  wait_ready: true,
  listen_timeout: 60_000,
  // More than SHUTDOWN_GRACE_MS and 20 s.
  kill_timeout: 60_000,
  exp_backoff_restart_delay: 200
})

module.exports = {
  apps: [
    {
      ...own('api'),
      script: join(release, 'app/apps/api/dist/server.js'),
      // Two share the port, so that pm2 reload replaces one after the other. Both want the same REDIS_URL.
      exec_mode: 'cluster',
      instances: 2,
      // Each has figures of its own: 9101, 9102, ...
      increment_var: 'METRICS_PORT',
      env: {
        NODE_ENV: 'production',
        ENV_FILE: join(settings, 'api.env'),
        LOG_FILE: join(logs, 'api.log'),
        METRICS_PORT: process.env.SEMIBOT_METRICS_PORT ?? 9101
      }
    },
    {
      ...own('runtime'),
      script: join(release, 'app/apps/runtime-orchestrator/bin/semibot-runtime.mjs'),
      interpreter: node,
      // It has workers of its own (RUNTIME_WORKERS), which share its port. In cluster mode they would be pm2's.
      exec_mode: 'fork',
      env: {
        NODE_ENV: 'production',
        ENV_FILE: join(settings, 'runtime.env'),
        LOG_FILE: join(logs, 'runtime.log')
      }
    }
  ]
}
