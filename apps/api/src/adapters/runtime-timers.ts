/** Waits of one runtime call; each is bounded by its own limit. */
export interface RuntimeTimeouts {
  /** From the request to the head of its answer, where `execution.started` may take longer. Default: no limit of its own. */
  answerMs?: number
  /** From the request to `execution.started`. */
  acceptMs: number
  /** Between two signs of life on the stream; the runtime sends a heartbeat each second. */
  stallMs: number
}

export type RuntimeTimer = 'answer' | 'accept' | 'stall' | 'end' | 'deadline'

export interface RuntimeWatch {
  /** The head of the answer is here. */
  answered(): void
  /** A sign of life arrived. */
  activity(): void
  /** The runtime has accepted the execution. */
  accepted(): void
  /** The terminal event is here; the stream may take a moment to end. */
  ended(): void
  stop(): void
}

export interface WatchOptions {
  /** Our own reader is slow and holds the stream back: silence meanwhile is not the runtime's. */
  isHeld?: () => boolean
  clock?: () => number
}

/**
 * Watches one call. A timer that fires late because this process was busy says nothing about the runtime:
 * when more time went by than was asked for, it is given one more round, so that what waits in the socket
 * can be read first.
 */
export function watchRuntimeCall(
  timeouts: RuntimeTimeouts,
  remainingMs: number,
  onExpired: (timer: RuntimeTimer) => void,
  options: WatchOptions = {}
): RuntimeWatch {
  const { isHeld = () => false, clock = () => performance.now() } = options
  let stopped = false
  const startedAt = clock()
  let waitingSince = startedAt
  let stage: Exclude<RuntimeTimer, 'deadline'> = timeouts.answerMs === undefined ? 'accept' : 'answer'
  let secondLook = false

  const expire = (timer: RuntimeTimer) => {
    if (stopped) return
    stop()
    onExpired(timer)
  }

  const limit = () => {
    if (stage === 'stall') return timeouts.stallMs
    if (stage === 'end') return END_MS
    return stage === 'accept' ? timeouts.acceptMs : (timeouts.answerMs as number)
  }

  const enter = (next: typeof stage, since: number) => {
    stage = next
    waitingSince = since
    clearTimeout(timer)
    timer = setTimeout(look, limit() - (clock() - since))
  }

  const look = () => {
    if (stopped) return
    if (stage !== 'end' && isHeld()) waitingSince = clock()
    const quietMs = clock() - waitingSince
    const leftMs = limit() - quietMs
    if (leftMs > 0) {
      secondLook = false
      timer = setTimeout(look, leftMs)
    } else if (-leftMs > LATE_MS && !secondLook) {
      secondLook = true
      timer = setTimeout(look, SECOND_LOOK_MS)
    } else {
      expire(stage)
    }
  }

  let timer = setTimeout(look, limit())
  const deadline = setTimeout(() => expire('deadline'), remainingMs)

  function stop(): void {
    stopped = true
    clearTimeout(timer)
    clearTimeout(deadline)
  }

  return {
    activity() {
      if (stage === 'stall') waitingSince = clock()
    },
    answered() {
      if (stage === 'answer') enter('accept', startedAt)
    },
    accepted() {
      enter('stall', clock())
    },
    ended() {
      enter('end', clock())
    },
    stop
  }
}

/** A stream that ends by itself leaves its connection to the next call; more than this it is not worth. */
const END_MS = 1000
/** A timer this late means that this process was busy, not that the runtime was silent. */
const LATE_MS = 50
const SECOND_LOOK_MS = 20
