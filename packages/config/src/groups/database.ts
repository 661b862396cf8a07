import { defineGroup, key, optionalKey } from '../key.ts'
import { integer } from '../kinds.ts'
import { postgresUrl } from '../url-kinds.ts'

/** PostgreSQL. */
export const databaseGroup = defineGroup({
  name: 'database',
  title: 'PostgreSQL',
  keys: {
    DATABASE_URL: key({
      kind: postgresUrl(),
      default: {
        text: 'postgres://semibot@127.0.0.1:55432/semibot (on POSTGRES_PORT)',
        from: (values) => `postgres://semibot@127.0.0.1:${values.POSTGRES_PORT ?? 55_432}/semibot`
      },
      secret: 'password',
      doc: 'The database. Required in production.',
      setByStart: 'the PostgreSQL that it starts'
    }),
    DATABASE_READ_URL: optionalKey({
      kind: postgresUrl(),
      secret: 'password',
      doc: 'A streaming replica of the database, for reads. Unset: the database answers them itself.'
    }),
    MESSAGE_RETENTION_DAYS: key({
      kind: integer({ min: 0, max: 36_500, zero: 'keep for ever' }),
      default: '30',
      unit: 'days',
      doc: 'Age at which messages are deleted by semibot db retention.'
    })
  },
  check: (values, origins) =>
    values.NODE_ENV === 'production' && origins.DATABASE_URL === 'default'
      ? [{ key: 'DATABASE_URL', expected: 'the URL of the production database' }]
      : []
})
