import { startStack, writeDevEnv } from '../src/index.ts'

const t0 = performance.now()
const stack = await startStack({
  home: process.argv[2]!,
  env: { PATH: process.env.PATH, HOME: process.env.HOME, ENV_FILE: '/dev/null', CORS_ORIGINS: 'http://localhost:8080' },
  freePorts: true,
  fast: true,
  redis: 'none',
  report: (x) => console.log(((performance.now() - t0) / 1000).toFixed(1), x)
})
console.log(writeDevEnv(stack), stack.processes)
process.on('SIGTERM', () => void stack.stop().then(() => process.exit(0)))
