import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findProgram, isListening, REPOSITORY_ROOT, type RunningProcess, startProcess } from '@semibot/stack'

const run = promisify(execFile)

/** Where the files of infra/nginx lie once they are installed. */
const INSTALLED = { proxy: '/etc/nginx/semibot-proxy.conf', tls: '/etc/nginx/tls' }

export interface NginxOptions {
  /** nginx itself, see findNginx. */
  program: string
  /** A file of infra/nginx with server blocks. */
  config: 'edge.conf.template' | 'semibot.conf'
  /** An empty folder for everything that nginx writes. */
  folder: string
  /** What is put in the place of each text, such as a port that is taken here. */
  replace: Record<string, string>
  /** Port that shows that it is up. */
  port: number
}

/** nginx from PATH, else from its Debian package; undefined when the machine has neither. */
export async function findNginx(log?: (line: string) => void): Promise<string | undefined> {
  return await findProgram('nginx', { debianPackage: 'nginx-light', ...(log && { log }) })
}

/**
 * Starts nginx with a configuration of ours as it is, apart from ports and paths. Throws with nginx's own words when it
 * does not like the configuration, also when it only warns.
 */
export async function startNginx(options: NginxOptions): Promise<RunningProcess> {
  const { program, folder } = options
  const path = await writeConfig(options)
  const { stderr } = await run(program, ['-t', '-q', '-p', folder, '-c', path]).catch(
    (error: { stderr: string }) => error
  )
  if (stderr.trim() !== '') throw new Error(`nginx refuses ${options.config}: ${stderr.trim()}`)
  return await startProcess({
    name: 'nginx',
    command: program,
    args: ['-p', folder, '-c', path],
    ready: { check: async () => await isListening(options.port) },
    // It lets running answers end.
    stopSignal: 'SIGQUIT'
  })
}

async function writeConfig({ config, folder, replace }: NginxOptions): Promise<string> {
  const files = join(REPOSITORY_ROOT, 'infra/nginx')
  const tls = join(folder, 'tls')
  mkdirSync(tls, { recursive: true })
  await writeCertificate(tls)
  let servers = readFileSync(join(files, config), 'utf8')
    .replaceAll(INSTALLED.proxy, join(files, 'proxy.conf'))
    .replaceAll(INSTALLED.tls, tls)
  for (const [text, value] of Object.entries(replace)) {
    if (!servers.includes(text)) throw new Error(`${config} does not hold ${text}`)
    servers = servers.replaceAll(text, value)
  }
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(folder, name)};`)
    .join('\n')
  const text = `daemon off;
error_log stderr warn;
pid ${join(folder, 'nginx.pid')};
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
events { worker_connections 512; }
http {
  access_log off;
${temporary}
  # As a careless machine has it: our server blocks must not be harmed by it.
  gzip on;
  gzip_min_length 1;
  gzip_types text/event-stream application/json;
${servers}
}
`
  const path = join(folder, 'nginx.conf')
  writeFileSync(path, text)
  return path
}

/** One for localhost that nobody has signed. */
async function writeCertificate(folder: string): Promise<void> {
  const openssl = await findProgram('openssl', { debianPackage: 'openssl' })
  if (openssl === undefined) throw new Error('openssl is missing on this machine')
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'privkey.pem']
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  await run(openssl, ['req', '-x509', ...key, '-out', 'fullchain.pem', '-days', '2', ...name], { cwd: folder })
}
