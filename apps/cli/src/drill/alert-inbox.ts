import { once } from 'node:events'
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'

/** A notification of one alert. */
export interface AlertNotice {
  name: string
  state: 'firing' | 'resolved'
  /** Milliseconds since 1970. */
  at: number
}

/** Stands for the operator's telephone: Alertmanager posts to it. */
export interface AlertInbox {
  url: string
  /** Oldest first. */
  readonly notices: readonly AlertNotice[]
  stop(): Promise<void>
}

/** What Alertmanager sends: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config */
interface WebhookBody {
  alerts: { status: 'firing' | 'resolved'; labels: Record<string, string> }[]
}

/** Most notices that are kept; a drill makes a few dozen. */
const MAX_NOTICES = 10_000

/** Takes notifications on 127.0.0.1. */
export async function openAlertInbox(port: number): Promise<AlertInbox> {
  const notices: AlertNotice[] = []
  const server = createServer((request, response) => {
    json(request).then(
      (body) => {
        for (const { status, labels } of (body as WebhookBody).alerts) {
          if (notices.length < MAX_NOTICES) {
            notices.push({ name: labels.alertname ?? '', state: status, at: Date.now() })
          }
        }
        response.end()
      },
      () => response.writeHead(400).end()
    )
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${port}/`,
    notices,
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
  }
}
