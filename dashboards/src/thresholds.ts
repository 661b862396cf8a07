import { type Threshold, ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard'

/** From `value` on a series is shown in `color`; null is the colour below all other steps. */
export type Step = readonly [value: number | null, color: string]

/** Steps in the order that Grafana wants: rising, the first one null. */
export function steps(...all: readonly Step[]): ThresholdsConfigBuilder {
  const thresholds: Threshold[] = all.map(([value, color]) => ({ value, color }))
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(thresholds)
}
