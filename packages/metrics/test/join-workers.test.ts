import { Registry } from '@prometheus-io/client'
import t from 'tap'
import {
  createRuntimeMetrics,
  createServiceMetrics,
  joinSnapshots,
  type MetricSnapshot,
  retireSnapshot,
  snapshotMetrics
} from '../src/index.ts'
import { readSeries } from './fixtures/read-series.ts'

/** A worker with metrics of its own; its snapshots go through JSON, as they do between processes. */
function startWorker() {
  const registry = new Registry()
  createServiceMetrics(registry, { version: '1.2.3' })
  const metrics = createRuntimeMetrics(registry, { tools: ['calculator'] })
  metrics.setInFlightLimit(50)
  const snapshot = async () => JSON.parse(JSON.stringify(await snapshotMetrics(registry))) as MetricSnapshot
  return { metrics, snapshot }
}

t.test('counters and histograms are added up, gauges are joined by their meaning', async (t) => {
  const [first, second] = [startWorker(), startWorker()]
  first.metrics.toolCall('calculator', 'ok')
  first.metrics.step('llm', 0.2)
  first.metrics.setInFlight(3)
  first.metrics.setMemoryUsed('heap', 0.4)
  second.metrics.toolCall('calculator', 'ok')
  second.metrics.toolCall('calculator', 'ok')
  second.metrics.step('llm', 7)
  second.metrics.setInFlight(4)
  second.metrics.setMemoryUsed('heap', 0.2)
  const page = await joinSnapshots([await first.snapshot(), await second.snapshot()])
  const series = await readSeries(page)
  t.equal(series.get('runtime_tool_calls_total{outcome="ok",tool="calculator"}'), 3)
  t.equal(series.get('runtime_step_duration_seconds_count{step="llm"}'), 2)
  t.equal(series.get('runtime_step_duration_seconds_bucket{le="0.25",step="llm"}'), 1)
  t.equal(series.get('runtime_execution_in_flight'), 7, 'what runs is added up')
  t.equal(series.get('runtime_execution_in_flight_limit'), 50, 'the limit of all is not')
  t.equal(series.get('runtime_memory_used_ratio{limit="heap"}'), 0.4, 'the worker that is worst off is shown')
  t.equal(series.get('service_build_info{version="1.2.3"}'), 1)
  t.equal(Number(series.get('process_start_time_seconds')) > 0, true)
  t.notMatch(page, /NaN/)
})

t.test('the counters of a worker that is gone stay, its gauges go', async (t) => {
  const [gone, later, last] = [startWorker(), startWorker(), startWorker()]
  for (const { metrics } of [gone, later, last]) {
    metrics.toolCall('calculator', 'error')
    metrics.step('llm', 1)
    metrics.setInFlight(2)
  }
  let retired: MetricSnapshot = []
  for (const worker of [gone, later]) retired = await retireSnapshot(retired, await worker.snapshot())
  const series = await readSeries(await joinSnapshots([retired, await last.snapshot()]))
  t.equal(series.get('runtime_tool_calls_total{outcome="error",tool="calculator"}'), 3)
  t.equal(series.get('runtime_step_duration_seconds_count{step="llm"}'), 3)
  t.equal(series.get('runtime_execution_in_flight'), 2)
})
