export interface FloodLimits {
  readonly windowMs: number
  readonly messages: number
  readonly bytes: number
}

/** Whether one more message of this many bytes is still no flood: counts what came in windows of a fixed length. */
export function createFloodGate(
  { windowMs, messages, bytes }: FloodLimits,
  now: () => number = () => performance.now()
): (messageBytes: number) => boolean {
  let began = now()
  let count = 0
  let sum = 0
  return (messageBytes) => {
    const at = now()
    if (at - began >= windowMs) {
      began = at
      count = 0
      sum = 0
    }
    count += 1
    sum += messageBytes
    return count <= messages && sum <= bytes
  }
}
