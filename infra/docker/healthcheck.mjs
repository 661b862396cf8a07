// HEALTHCHECK of the images: `node /app/healthcheck.mjs <key of the port> <default> [<key that means TLS>]`. Ends with 0
// when /health answers 200 within 2 s.
import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'

const [portKey = '', defaultPort = '', tlsKey = ''] = process.argv.slice(2)
const secure = Boolean(process.env[tlsKey])
const options = {
  host: '127.0.0.1',
  port: process.env[portKey] || defaultPort,
  path: '/health',
  // The certificate names the service, not the loopback address.
  ...(secure && { rejectUnauthorized: false })
}
const request = (secure ? tlsRequest : plainRequest)(options, (response) =>
  process.exit(response.statusCode === 200 ? 0 : 1)
)
request.setTimeout(2000, () => process.exit(1))
request.once('error', () => process.exit(1))
request.end()
