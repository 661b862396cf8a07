import { isPortFree } from '../claim.ts'
import { plannedPorts, planStack, type StackPlan } from './plan-stack.ts'
import { endLeftoverProcesses } from './processes-file.ts'
import { runCli } from './run-cli.ts'
import { loadSecrets, type StackSecrets, saveSecrets } from './secrets.ts'
import { startDatabase, startServices } from './start-processes.ts'
import { openStateFolder, type StateFolder } from './state-folder.ts'
import { createSupervisor, type Supervisor } from './supervisor.ts'
import type { Stack, StackOptions } from './types.ts'

/**
 * Starts everything: PostgreSQL, migrations, the two organisations, Redis, simulator, runtimes, apis; each as its own
 * process. When it rejects, nothing is left running.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { report = () => {}, signal = new AbortController().signal } = options
  const launcher = options.launcherPid === undefined ? {} : { launcherPid: options.launcherPid }
  const folder = await openStateFolder(options.home, { report, ...launcher })
  const supervisor = createSupervisor({ home: folder.home, restart: options.restart ?? false, report })
  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    stopped ??= stopAll(folder, supervisor)
    await stopped
  }
  const abort = (): void => void stop().catch(() => {})
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await bringUp(options, folder, supervisor, stop)
  } catch (error) {
    await stop()
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function stopAll(folder: StateFolder, supervisor: Supervisor): Promise<void> {
  folder.announceStop()
  await supervisor.stop()
  folder.release()
}

async function bringUp(
  options: StackOptions,
  folder: StateFolder,
  supervisor: Supervisor,
  stop: () => Promise<void>
): Promise<Stack> {
  const { report = () => {}, signal } = options
  const { home } = folder
  for (const text of await endLeftoverProcesses(home)) report(text)
  const secrets = loadSecrets(home)
  const planOptions = {
    env: options.env ?? process.env,
    freePorts: options.freePorts ?? false,
    redis: options.redis ?? 'path'
  }
  const plan = await planStack({ ...planOptions, secrets })
  await checkPorts(plan)
  await startDatabase(plan, secrets, options, home, supervisor)
  const migrated = await runCli(['db', 'migrate'], plan.env, signal)
  report(migrated.trim().split('\n').at(-1) ?? '')
  const orgs = await seed(plan, secrets, home, signal)
  report('organisations: dev-runtime and dev-direct')
  await startServices(plan, secrets, options, supervisor)
  return {
    home,
    urls: {
      api: plan.apis.map((service) => service.url),
      runtime: plan.runtimes.map((service) => service.url),
      database: plan.databaseUrl,
      ...(plan.simulator && { simulator: plan.simulator.url }),
      ...(plan.redisUrl !== undefined && { redis: plan.redisUrl })
    },
    env: plan.env,
    plan,
    ...orgs,
    adminToken: plan.values.ADMIN_TOKEN[0] ?? '',
    get processes() {
      return supervisor.entries
    },
    kill: (name, killSignal) => supervisor.kill(name, killSignal),
    restart: async (name) => void (await supervisor.restart(name)),
    stop,
    hurry: () => supervisor.hurry()
  }
}

async function checkPorts(plan: StackPlan): Promise<void> {
  for (const { port, host, name, key } of plannedPorts(plan)) {
    if (await isPortFree(port, host)) continue
    throw new Error(`port ${port} is taken, and ${name} needs it: stop what uses it, or set ${key} to another port`)
  }
}

async function seed(
  plan: StackPlan,
  secrets: StackSecrets,
  home: string,
  signal: AbortSignal | undefined
): Promise<Pick<Stack, 'runtimeOrg' | 'directOrg'>> {
  const env = { ...plan.env, SEMIBOT_DEV_KEY: secrets.devKey ?? '', SEMIBOT_DEV_KEY_DIRECT: secrets.devKeyDirect ?? '' }
  const text = await runCli(['dev', 'seed'], env, signal)
  const { runtimeOrg, directOrg } = JSON.parse(text) as Pick<Stack, 'runtimeOrg' | 'directOrg'>
  saveSecrets(home, { ...secrets, devKey: runtimeOrg.apiKey, devKeyDirect: directOrg.apiKey })
  return { runtimeOrg, directOrg }
}
