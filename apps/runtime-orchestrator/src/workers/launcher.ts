import cluster from 'node:cluster'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Registry } from '@prometheus-io/client'
import { createRuntimeMetrics, createServiceMetrics, snapshotMetrics } from '@semibot/metrics'
import { type ServiceLogger, tellProcessManager } from '@semibot/service-kit'
import { DRAIN_FLUSH_MS, WORKER_CLOSE_MS, WORKER_SILENCE_MS } from '../constants/config.ts'
import { LOG } from '../constants/log-messages.ts'
import type { ReloadableEnv } from '../env.ts'
import { createDesk } from './desk.ts'
import { createFleet, type WorkerProcess } from './fleet.ts'
import { createMetricsGatherer } from './gather-metrics.ts'
import { closeLostConnections } from './lost-connections.ts'
import type { FromLauncher, FromWorker } from './messages.ts'
import { createPlaces } from './places.ts'

export interface LauncherOptions {
  env: ReloadableEnv
  logger: ServiceLogger
  version: string
  /** Keys that the command line has set, for the workers. */
  environment: Record<string, string>
  /** After SIGHUP. */
  reload: () => void
  /** The program of a worker. Default: that of the runtime. */
  entry?: string
}

/** By its name `ps` and `pgrep` find every worker. */
const ENTRY = fileURLToPath(new URL('../../bin/semibot-runtime.mjs', import.meta.url))

/**
 * The process that starts the workers, which share its port; starts them again when they die; counts the places
 * for executions and the metrics of all; and passes signals on. It runs no execution itself.
 */
export async function runLauncher(options: LauncherOptions): Promise<void> {
  const { env, logger: service, version, environment, reload, entry = ENTRY } = options
  const { values } = env
  const { logger } = service
  const registry = new Registry()
  createServiceMetrics(registry, { version, droppedLines: service.droppedLines })
  const metrics = createRuntimeMetrics(registry)
  const showWorkers = (): void => metrics.setWorkers(fleet.ready.length)

  const gatherer = createMetricsGatherer({
    own: () => snapshotMetrics(registry),
    ask: (id) => {
      for (const number of fleet.ready) fleet.send(number, { kind: 'collect', id })
      return fleet.ready
    }
  })
  const desk = createDesk({
    places: createPlaces(values.RUNTIME_MAX_CONCURRENT_EXECUTIONS),
    portOf: (number) => fleet.portOf(number),
    metrics: () => gatherer.page(),
    workers: () => ({ workers: fleet.ready.length, wanted: values.RUNTIME_WORKERS })
  })
  const fleet = createFleet({
    size: values.RUNTIME_WORKERS,
    silenceMs: WORKER_SILENCE_MS,
    fork: (number) => forkWorker(entry, number, environment),
    onMessage(number, message) {
      if (message.kind === 'release') desk.release(number, message.orgId, message.givenAway)
      else if (message.kind === 'snapshot') gatherer.received(number, message.id, message.metrics)
      else void answer(number, message)
    },
    onGone(number) {
      desk.gone(number)
      gatherer.gone(number)
      showWorkers()
    },
    report: {
      ready(worker, workerPid) {
        showWorkers()
        logger.info({ worker, workerPid }, LOG.workerReady)
      },
      ended(worker, workerPid, how, pauseMs) {
        metrics.workerRestarted()
        logger.error({ worker, workerPid, how, startsAgainInMs: pauseMs }, LOG.workerEnded)
      },
      silent: (worker, workerPid) => logger.error({ worker, workerPid }, LOG.workerSilent)
    }
  })

  async function answer(number: number, { id, ...question }: Extract<FromWorker, { kind: 'question' }>): Promise<void> {
    try {
      fleet.send(number, { kind: 'answer', id, answer: await desk.answer(number, question) })
    } catch (error) {
      // The worker goes on without an answer, as after any silence.
      logger.error({ err: error, worker: number }, LOG.workerUnanswered)
    }
  }

  let ending = false
  async function end(reason: string, code: number): Promise<void> {
    if (ending) {
      fleet.kill()
      return
    }
    ending = true
    logger.info(`${reason}: shutting down`)
    const limitMs = values.SHUTDOWN_GRACE_MS + DRAIN_FLUSH_MS + WORKER_CLOSE_MS
    const timer = setTimeout(() => fleet.kill(), limitMs)
    const clean = await fleet.stop()
    clearTimeout(timer)
    logger.info('shut down')
    await service.flush()
    process.exit(clean ? code : 1)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end(signal, 0))
  process.on('SIGHUP', () => {
    service.reopen()
    logger.info('SIGHUP: log file opened again')
    reload()
    fleet.signal('SIGHUP')
  })
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught error, shutting down')
    void end('uncaught error', 1)
  })

  const outcome = await fleet.start()
  if (outcome === undefined) tellProcessManager()
  if (outcome === undefined || ending) return
  // The worker has said why; its last lines are on their way.
  await delay(0)
  await service.flush()
  process.exit(outcome.failed)
}

function forkWorker(exec: string, number: number, environment: Record<string, string>): WorkerProcess {
  cluster.setupPrimary({ exec, args: ['worker', String(number)], execArgv: process.execArgv })
  const worker = cluster.fork(environment)
  closeLostConnections(worker)
  return {
    pid: worker.process.pid ?? 0,
    // A worker that has just ended cannot be sent anything; its end is told by itself.
    send: (message: FromLauncher) => void (worker.isConnected() && worker.send(message, () => {})),
    kill: (signal) => void worker.process.kill(signal),
    onMessage: (listener) => void worker.on('message', listener),
    onExit(listener) {
      worker.once('exit', listener)
      // One that could not even be started ends in an error and has no exit.
      worker.on('error', () => {
        if (worker.process.pid === undefined) listener(null, 'not started')
      })
    }
  }
}
