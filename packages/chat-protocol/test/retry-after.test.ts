import t from 'tap'
import { retryAfterMs } from '../src/event-stream.ts'

const NOW = Date.UTC(2026, 0, 1, 0, 0, 0)

t.test('retryAfterMs reads seconds, dates and milliseconds, and nothing else', async (t) => {
  const cases: [Record<string, string | string[]>, number | undefined][] = [
    [{}, undefined],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '2' }, 2000],
    [{ 'retry-after': ' 2 ' }, 2000],
    [{ 'retry-after': '1.5' }, 1500],
    [{ 'retry-after': '-1' }, undefined],
    [{ 'retry-after': '1e3' }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{ 'retry-after': '2026' }, 2_026_000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Wed, 31 Dec 2025 23:59:00 GMT' }, 0],
    [{ 'retry-after': 'Thu, 99 Foo 2026' }, undefined],
    [{ 'retry-after': '2026-01-01' }, undefined],
    [{ 'retry-after': ['3', '4'] }, 3000],
    [{ 'retry-after-ms': '250', 'retry-after': '3' }, 250],
    [{ 'retry-after-ms': 'soon', 'retry-after': '3' }, 3000]
  ]
  for (const [headers, expected] of cases) t.equal(retryAfterMs(headers, NOW), expected, JSON.stringify(headers))
})
