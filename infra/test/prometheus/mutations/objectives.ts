import { type Mutation, ofFile } from './mutation.ts'

export const OBJECTIVE_MUTATIONS: readonly Mutation[] = ofFile('slo', [
  {
    name: 'budget of availability: 99 percent',
    from: '* 0.001)',
    to: '* 0.01)',
    noticedBy: ['objectives']
  },
  {
    name: 'burn: no short window',
    from: 'ratio_rate5m > (14.4 * 0.001)',
    to: 'ratio_rate5m >= 0',
    noticedBy: ['objectives']
  },
  {
    name: 'burn: no long window',
    from: 'ratio_rate1h > (14.4 * 0.001)',
    to: 'ratio_rate1h >= 0',
    noticedBy: ['objectives']
  },
  {
    name: 'burn: refusals are no errors',
    from: 'outcome=~"error|rejected"',
    to: 'outcome=~"error"',
    noticedBy: ['objectives']
  },
  {
    name: 'burn: cancelled requests count',
    from: 'outcome=~"success|error|rejected"',
    to: 'outcome=~"success|error|rejected|cancelled"',
    noticedBy: ['objectives']
  },
  {
    name: 'slow executions: another edge',
    from: 'le=~"5000(',
    to: 'le=~"3000(',
    noticedBy: ['objectives']
  },
  {
    name: 'slow burn: no short windows',
    from: 'job:chat_request_errors:ratio_rate6h > (1 * 0.001)',
    to: 'job:chat_request_errors:ratio_rate6h >= 0',
    noticedBy: ['slow-objectives']
  },
  {
    name: 'slow burn: no look at a single day',
    from: '(job:chat_request_errors:ratio_rate1d > (3 * 0.001) and job:chat_request_errors:ratio_rate2h > (3 * 0.001))\n          or\n          ',
    to: '',
    noticedBy: ['slow-objectives']
  }
])
