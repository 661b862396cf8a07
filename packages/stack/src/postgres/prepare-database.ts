import pg from 'pg'

export interface DatabaseOwner {
  /** Superuser, database postgres. */
  adminUrl: string
  /** Password of the role `semibot`. */
  password: string
}

/**
 * Makes what the services expect to find on a server: role and database `semibot`, the extension pg_stat_statements
 * in it, and the right to read the statistics of everybody. May run any number of times.
 */
export async function prepareDatabase({ adminUrl, password }: DatabaseOwner): Promise<void> {
  await withClient(adminUrl, async (client) => {
    // Else the password below would be readable in the statement statistics.
    await client.query("set pg_stat_statements.track = 'none'")
    const role = await client.query("select 1 from pg_roles where rolname = 'semibot'")
    const verb = role.rowCount === 0 ? 'create' : 'alter'
    await client.query(`${verb} role semibot login password ${client.escapeLiteral(password)}`)
    await client.query('grant pg_read_all_stats to semibot')
    const database = await client.query("select 1 from pg_database where datname = 'semibot'")
    if (database.rowCount === 0) await client.query('create database semibot owner semibot')
  })
  const url = new URL(adminUrl)
  url.pathname = '/semibot'
  await withClient(url.href, (client) => client.query('create extension if not exists pg_stat_statements'))
}

async function withClient(url: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'semibot-stack'
  })
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}
