/** Every message that this service logs; what belongs to one execution stands in fields before `msg`. */
export const LOG = {
  executionStarted: '[Runtime] execution started',
  executionCompleted: '[Runtime] execution completed',
  executionFailed: '[Runtime] execution failed',
  executionCancelled: '[Runtime] execution cancelled',
  executionInterrupted: '[Runtime] execution interrupted',
  executionTakenOver: '[Runtime] execution taken over from another process',
  executionLost: '[Runtime] execution lost to another process: stopped here',
  unexpectedError: '[Runtime] unexpected error in an execution',
  toolFailed: '[Runtime] tool failed',
  toolOutputCut: '[Runtime] tool output cut',
  toolNotRecorded: '[Runtime] tool call not recorded',
  reloaded: '[Runtime] configuration reloaded',
  reloadRefused: '[Runtime] configuration not reloaded: bad value',
  reloadNeedsRestart: '[Runtime] configuration changed: restart to apply',
  draining: '[Runtime] draining: no new executions',
  memoryLow: '[Runtime] memory is nearly used up: no new executions',
  memoryBack: '[Runtime] memory is free again',
  databaseDown: '[Runtime] database unavailable: search_history answers with an error until it is back',
  databaseUp: '[Runtime] database available'
} as const
