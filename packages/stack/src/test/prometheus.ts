/** Reason of the second skip that the test run accepts, and that only when CI is not set. */
export const MISSING_PROMETHEUS = 'prometheus is missing on this machine'

/**
 * For `t.test('...', { skip: missingPrometheus() }, ...)`: false unless the test run said that there is no Prometheus,
 * promtool or Alertmanager.
 */
export function missingPrometheus(): false | string {
  return process.env.TEST_PROMETHEUS === 'missing' ? MISSING_PROMETHEUS : false
}
