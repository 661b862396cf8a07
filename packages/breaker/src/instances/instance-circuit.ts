import type { EventEmitter } from 'node:events'
import CircuitBreaker from 'opossum'

type Call = () => Promise<unknown>
type Circuit = CircuitBreaker<[Call], unknown>

/** The runtime is not called: the circuit of the instance is open, or the instance is gone. */
export class CircuitOpenError extends Error {
  readonly instance: string
  constructor(instance: string) {
    super(`the circuit of the runtime instance ${instance} is open`)
    this.name = 'CircuitOpenError'
    this.instance = instance
  }
}

export interface InstanceCircuitOptions {
  instance: string
  /** Emits `rotate` once a second: all circuits share one timer. */
  rotation: EventEmitter
  /** opossum has turned a call away. */
  onRejected: () => void
}

/**
 * The opossum circuit of one runtime instance, driven by `open` and `close` alone. **An epoch is a fresh
 * circuit**: `replace` retires the old one, so that the late result of an old call lands there and changes
 * nothing. The calls that the old one still carries go on, and their callers get their results.
 */
export class InstanceCircuit {
  readonly #options: InstanceCircuitOptions
  #current: Circuit
  #version = 0
  #retired = false
  #isOpen: boolean

  constructor(options: InstanceCircuitOptions, isOpen: boolean) {
    this.#options = options
    this.#isOpen = isOpen
    this.#current = this.#create()
  }

  /** The circuit that takes the next call. Never keep it: it may be retired at any moment. */
  get current(): Circuit {
    return this.#current
  }

  /** Goes up with each replacement. */
  get version(): number {
    return this.#version
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  open(): void {
    this.#isOpen = true
    this.#current.open()
  }

  /** Begins an epoch, closed or open. */
  replace(isOpen: boolean): void {
    const old = this.#current
    this.#isOpen = isOpen
    this.#current = this.#create()
    // Without it the old one would stay in memory with its listener on the rotation.
    old.shutdown()
  }

  /**
   * Runs the call through the circuit.
   * @throws CircuitOpenError when opossum turns it away; else what the call rejects with
   */
  async fire<T>(call: () => Promise<T>): Promise<T> {
    try {
      return (await this.#fireOnce(call)) as T
    } catch (error) {
      if (isTurnedAway(error)) throw new CircuitOpenError(this.#options.instance)
      throw error
    }
  }

  /** The instance is gone: every further call is turned away. */
  retire(): void {
    this.#retired = true
    this.#current.shutdown()
  }

  /** A circuit that was shut down behind our back says nothing about the runtime: the current one is tried, once. */
  async #fireOnce(call: Call): Promise<unknown> {
    const circuit = this.#current
    if (!circuit.isShutdown || this.#retired) return circuit.fire(call)
    this.replace(this.#isOpen)
    return this.#current.fire(call)
  }

  #create(): Circuit {
    const { instance, rotation, onRejected } = this.#options
    const circuit: Circuit = new CircuitBreaker((call: Call) => call(), {
      name: `${instance}#${++this.#version}`,
      timeout: false,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rollingCountTimeout: 10_000,
      rollingCountBuckets: 2,
      rotateBucketController: rotation,
      // Its own trip never fires and its own half-open state never comes: the verdict is made elsewhere.
      volumeThreshold: Number.MAX_SAFE_INTEGER,
      resetTimeout: 2 ** 31 - 1
    })
    circuit.on('reject', onRejected)
    if (this.#isOpen) circuit.open()
    return circuit
  }
}

function isTurnedAway(error: unknown): boolean {
  if (!(error instanceof Error) || !CircuitBreaker.isOurError(error)) return false
  const { code } = error as { code?: unknown }
  return code === 'EOPENBREAKER' || code === 'ESHUTDOWN'
}
