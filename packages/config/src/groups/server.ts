import { defineGroup, key, optionalKey } from '../key.ts'
import { integer, list, oneOf, port, secretText, text } from '../kinds.ts'
import { host, proxy } from '../network-kinds.ts'
import { httpOrigin } from '../url-kinds.ts'

/** Process, ports, logs and HTTP edge; read by every service. */
export const serverGroup = defineGroup({
  name: 'server',
  title: 'Process, ports, logs',
  keys: {
    NODE_ENV: key({
      kind: oneOf(['development', 'test', 'production']),
      default: 'development',
      doc: 'In production the secrets below must be set and strong, or nothing starts.'
    }),
    LOG_LEVEL: key({
      kind: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
      default: 'info',
      doc: 'Lowest level that is logged.',
      reloadable: true
    }),
    LOG_FILE: optionalKey({
      kind: text({ expected: 'a file path', type: 'path' }),
      doc: 'Also write the log to this file; it is reopened on SIGHUP. Standard output is always written.'
    }),
    ENV_FILE: key({
      kind: text({ expected: 'a file path', type: 'path' }),
      default: './.env',
      doc: 'File of KEY=value lines; the process environment wins over it. Only read from the process environment.'
    }),
    API_HOST: key({
      kind: host(),
      default: '127.0.0.1',
      doc: 'Address on which the api listens; 0.0.0.0 in a container.'
    }),
    API_PORT: key({ kind: port(), default: '3001', doc: 'Port of the api.' }),
    RUNTIME_HOST: key({
      kind: host(),
      default: '127.0.0.1',
      doc: 'Address on which the runtime listens; 0.0.0.0 in a container.'
    }),
    RUNTIME_PORT: key({ kind: port(), default: '8000', doc: 'Port of the runtime.' }),
    SIMULATOR_PORT: key({ kind: port(), default: '4010', doc: 'Port of the model simulator.' }),
    POSTGRES_PORT: key({
      kind: port(),
      default: '55432',
      doc: 'Port of the PostgreSQL that npm start brings up when DATABASE_URL is not set.'
    }),
    SHUTDOWN_GRACE_MS: key({
      kind: integer({ min: 0, max: 3_600_000 }),
      default: '25000',
      unit: 'ms',
      doc: 'How long running streams may finish by themselves after SIGTERM.'
    }),
    METRICS_TOKEN: optionalKey({
      kind: secretText({ minBytes: 8 }),
      secret: 'whole',
      doc: 'Bearer token that /metrics asks for. Unset: /metrics is open.'
    }),
    METRICS_PORT: optionalKey({
      kind: port(),
      doc: "Serve /metrics on this port instead of the service's own. Each process needs one of its own.",
      setByStart: 'consecutive ports from it, the apis first'
    }),
    CORS_ORIGINS: key({
      kind: list(httpOrigin(), { items: 'origins' }),
      default: '',
      doc: 'Browser origins that may call the api. Empty: none.'
    }),
    TRUST_PROXY: key({
      kind: list(proxy(), { items: 'proxies' }),
      default: '',
      doc: 'Proxies whose X-Forwarded-* headers are believed. Empty: none.'
    })
  }
})
