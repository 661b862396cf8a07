export { makeCertificate, type TestCertificate } from './test/certificate.ts'
export { createTestDatabase, ensureTemplateDatabase, TEMPLATE_DATABASE } from './test/database.ts'
export {
  findPostgres15,
  MISSING_POSTGRES_15,
  type Postgres15,
  type Postgres15Server,
  startPostgres15
} from './test/postgres-15.ts'
export { MISSING_PROMETHEUS, missingPrometheus } from './test/prometheus.ts'
export { MISSING_REDIS, missingRedis, testRedisUrl } from './test/redis.ts'
export { bareEnvironment, type TestScope } from './test/scope.ts'
export {
  type SimulatorCall,
  startApi,
  startRuntime,
  startSimulator,
  type TestService,
  type TestSimulator
} from './test/services.ts'
export { type WaitOptions, waitFor } from './wait-for.ts'
