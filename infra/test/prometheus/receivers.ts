import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'

/** One notification of Alertmanager: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config */
export interface Notification {
  status: 'firing' | 'resolved'
  alerts: {
    status: 'firing' | 'resolved'
    labels: Record<string, string>
    annotations: Record<string, string>
  }[]
}

export interface Receiver<Item> {
  port: number
  /** What has come so far, oldest first. */
  received: readonly Item[]
  close(): void
}

/** Takes what Alertmanager posts. */
export async function startWebhook(): Promise<Receiver<Notification>> {
  const received: Notification[] = []
  const server = createHttpServer(async (request, response) => {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    received.push(JSON.parse(body) as Notification)
    response.end()
  })
  return { port: await listen(server), received, close: () => void server.close().closeAllConnections() }
}

export interface Mail {
  from: string
  to: string
  /** Headers and body, decoded from quoted-printable. */
  text: string
}

/** Takes mail by the simplest SMTP (RFC 5321): no extensions, no encryption. */
export async function startMailbox(): Promise<Receiver<Mail>> {
  const received: Mail[] = []
  const server = createTcpServer((socket) => {
    let buffer = ''
    let mail: Mail | undefined
    const current = { from: '', to: '' }
    const say = (line: string): void => void socket.write(`${line}\r\n`)
    const take = (line: string): void => {
      if (mail !== undefined) {
        if (line !== '.') mail.text += `${line}\n`
        else {
          received.push({ ...mail, text: decode(mail.text) })
          mail = undefined
          say('250 taken')
        }
        return
      }
      const [word = ''] = line.toUpperCase().split(/[ :]/)
      if (word === 'MAIL') current.from = address(line)
      if (word === 'RCPT') current.to = address(line)
      if (word === 'DATA') {
        mail = { ...current, text: '' }
        say('354 go on')
      } else if (word === 'QUIT') socket.end('221 bye\r\n')
      else say('250 ok')
    }
    socket.on('error', () => {})
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (buffer + chunk).split('\r\n')
      buffer = lines.pop() ?? ''
      for (const line of lines) take(line)
    })
    say('220 mailbox')
  })
  return { port: await listen(server), received, close: () => void server.close() }
}

const address = (line: string): string => /<([^>]*)>/.exec(line)?.[1] ?? ''

/** Quoted-printable (RFC 2045, section 6.7), and the encoded words of headers (RFC 2047, form Q). */
function decode(text: string): string {
  const bytes = (quoted: string): string =>
    Buffer.from(
      quoted.replace(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
      'latin1'
    ).toString('utf8')
  const words = text.replace(/=\?utf-8\?q\?([^?]*)\?=/gi, (_, word: string) => bytes(word.replaceAll('_', ' ')))
  return words.replace(/=\n/g, '').replace(/(=[0-9A-F]{2})+/g, bytes)
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
