export * from './rolling-window.ts'
export * from './thresholds.ts'
export * from './types.ts'
