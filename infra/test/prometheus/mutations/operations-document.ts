import { type Mutation, ofFile } from './mutation.ts'

export const DOCUMENT_MUTATIONS: readonly Mutation[] = ofFile('operations-document', [
  {
    name: 'HighErrorRate: twice the level',
    from: '> 0.1',
    to: '> 0.2',
    noticedBy: ['long-runtime']
  },
  {
    name: 'HighErrorRate: a lower level',
    from: '> 0.1',
    to: '> 0.09',
    noticedBy: ['long-runtime']
  },
  {
    name: 'HighErrorRate: both modes in the denominator',
    from: 'sum(rate(chat_execution_total{mode="runtime_orchestrator"}[5m])) > 0.1',
    to: 'sum(rate(chat_execution_total[5m])) > 0.1',
    noticedBy: ['long-runtime']
  },
  {
    name: 'HighErrorRate: at ten percent, too',
    from: '> 0.1',
    to: '>= 0.1',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeServiceDown: another job',
    from: 'up{job="runtime-service"}',
    to: 'up{job="runtime"}',
    noticedBy: ['runtime']
  },
  {
    name: 'every wait of a minute: none',
    from: 'for: 1m',
    to: 'for: 0s',
    noticedBy: ['runtime']
  },
  {
    name: 'AutoFallbackTriggered: the other way round',
    from: 'chat_runtime_fallback_enabled == 1',
    to: 'chat_runtime_fallback_enabled == 0',
    noticedBy: ['runtime']
  },
  {
    name: 'HighLatency: another quantile',
    from: 'histogram_quantile(0.95,',
    to: 'histogram_quantile(0.99,',
    noticedBy: ['capacity']
  },
  {
    name: 'HighLatency: a higher level',
    from: '> 5000',
    to: '> 7500',
    noticedBy: ['capacity']
  }
])
