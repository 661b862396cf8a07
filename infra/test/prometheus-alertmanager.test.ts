import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { alertmanagerConfig, findAmtool } from '@semibot/stack'
import { missingPrometheus } from '@semibot/stack/test'
import t from 'tap'
import { parse } from 'yaml'

const skip = missingPrometheus()

interface Config {
  route: { group_wait: string; routes: { matchers: string[]; group_wait: string; repeat_interval: string }[] }
  receivers: { webhook_configs?: Record<string, unknown>[]; email_configs?: Record<string, unknown>[] }[]
}

const MAIL = {
  ALERT_MAIL_TO: 'on-call@semibot.example, second@semibot.example',
  ALERT_MAIL_FROM: 'alerts@semibot.example',
  ALERT_SMTP_HOST: 'mail.example:587'
}
const WEBHOOK = { ALERT_WEBHOOK_URL: "https://hooks.example/a?b='c'&d={e} http://127.0.0.1:9/x" }
const WITH_TOKEN = { ...WEBHOOK, ALERT_WEBHOOK_TOKEN_FILE: '/run/secrets/hook token' }
const WITH_PASSWORD = { ...MAIL, ALERT_SMTP_USER: "o'hara", ALERT_SMTP_PASSWORD_FILE: '/run/secrets/smtp' }

const ENVIRONMENTS: [string, Record<string, string>][] = [
  ['nobody is told', {}],
  ['a webhook', WEBHOOK],
  ['webhooks with a token', WITH_TOKEN],
  ['mail', MAIL],
  ['mail with a password and a base for links', { ...WITH_PASSWORD, RUNBOOK_BASE_URL: "https://git.example/it's" }],
  ['both, for a drill', { ...WEBHOOK, ...MAIL, ALERT_SPEEDUP: '20', ALERT_SMTP_REQUIRE_TLS: 'false' }]
]

for (const [name, environment] of ENVIRONMENTS) {
  t.test(`Alertmanager accepts the configuration for: ${name}`, { skip }, async (t) => {
    const path = join(t.testdir(), 'alertmanager.yml')
    writeFileSync(path, await alertmanagerConfig(environment))
    const output = execFileSync((await findAmtool()) as string, ['check-config', path], { encoding: 'utf8' })
    t.match(output, 'SUCCESS')
    t.match(output, / - 1 receivers/)
    t.match(output, / - 3 inhibit rules/)
  })
}

t.test('values come through whole, whatever is in them', async (t) => {
  const both = parse(await alertmanagerConfig({ ...WITH_TOKEN, ...WITH_PASSWORD })) as Config
  t.match(both.receivers, [
    {
      webhook_configs: [
        {
          url: "https://hooks.example/a?b='c'&d={e}",
          send_resolved: true,
          http_config: { authorization: { credentials_file: '/run/secrets/hook token' } }
        },
        { url: 'http://127.0.0.1:9/x' }
      ],
      email_configs: [
        {
          to: MAIL.ALERT_MAIL_TO,
          from: MAIL.ALERT_MAIL_FROM,
          smarthost: 'mail.example:587',
          require_tls: true,
          auth_username: "o'hara",
          auth_password_file: '/run/secrets/smtp'
        }
      ]
    }
  ])
})

t.test('what is urgent comes sooner, and advice later', async (t) => {
  const { route } = parse(await alertmanagerConfig(MAIL)) as Config
  t.match(route, { group_by: ['alertname', 'env'], group_wait: '30s', group_interval: '300s' })
  t.match(route.routes, [
    { matchers: ['severity="critical"'], group_wait: '10s', repeat_interval: '1h' },
    { matchers: ['severity="info"'], group_wait: '300s', repeat_interval: '24h' }
  ])
  const drill = parse(await alertmanagerConfig({ ...MAIL, ALERT_SPEEDUP: '20' })) as Config
  t.equal(drill.route.group_wait, '1500ms')
})

t.test('a wrong value is refused with its name', async (t) => {
  const table: [Record<string, string>, string][] = [
    [{ ALERT_WEBHOOK_URL: 'hooks.example' }, 'ALERT_WEBHOOK_URL must hold http:// or https:// addresses'],
    [{ ALERT_WEBHOOK_URL: 'http://a *' }, 'ALERT_WEBHOOK_URL must hold http:// or https:// addresses'],
    [{ ALERT_MAIL_TO: 'a@b.example' }, 'ALERT_MAIL_TO needs ALERT_MAIL_FROM, the sender'],
    [
      { ALERT_MAIL_TO: 'a@b.example', ALERT_MAIL_FROM: 'c@d.example' },
      'ALERT_MAIL_TO needs ALERT_SMTP_HOST, host:port of the mail server'
    ],
    [{ ...MAIL, ALERT_SMTP_USER: 'u' }, 'ALERT_SMTP_USER needs ALERT_SMTP_PASSWORD_FILE, a file with the password'],
    [{ ...MAIL, ALERT_SMTP_REQUIRE_TLS: 'yes' }, 'ALERT_SMTP_REQUIRE_TLS must be true or false, and is "yes"'],
    [{ ...MAIL, ALERT_MAIL_FROM: 'a@b.example\nroute: x' }, 'a value must not hold a line break'],
    [{ ...MAIL, RUNBOOK_BASE_URL: 'https://{{ . }}' }, 'RUNBOOK_BASE_URL must not hold {{'],
    [{ ALERT_SPEEDUP: '0' }, 'ALERT_SPEEDUP must be a whole number from 1 on, and is "0"'],
    [{ ALERT_SPEEDUP: '1.5' }, 'ALERT_SPEEDUP must be a whole number from 1 on, and is "1.5"']
  ]
  for (const [environment, message] of table) {
    await t.rejects(alertmanagerConfig(environment), { message: `configure.sh: ${message}` }, message)
  }
})
