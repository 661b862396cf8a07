/** A target: what a system under test is asked, the same for all but for the path and the headers. */
export interface Target {
  url: string
  headers: Record<string, string>
  /** Key of the JSON string that carries one chunk in this system's frames. */
  chunkKey: 'content' | 'delta'
}

/** Closed loop: each connection sends its next request when it has its answer. */
export interface RequestLoad extends Target {
  kind: 'requests'
  connections: number
  durationMs: number
}

/** Streams that are all open at the same time, each until it has brought its chunks. */
export interface StreamLoad extends Target {
  kind: 'streams'
  streams: number
  /** Chunks that each stream must bring. */
  chunks: number
}

export type Load = RequestLoad | StreamLoad

export interface RequestResult {
  requests: number
  errors: number
  seconds: number
  p50Ms: number
  p99Ms: number
}

export interface StreamResult {
  chunks: number
  lost: number
  errors: number
  seconds: number
  firstByteP99Ms: number
  lagP50Ms: number
  lagP99Ms: number
}
